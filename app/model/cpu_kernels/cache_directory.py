"""The on-disk cache of compiled kernels, and the record of their passed self-tests.

There is one directory per hash of this package's sources, the CPU's features and the compiler's
version: numba invalidates by the file of the function itself only, not by the files of the
functions inlined into it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import tempfile
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from app.checkpoint.hardware.cpu_features import llvm_features

log = logging.getLogger(__name__)

#: Free space that the cache needs: more than all kernels take together.
_REQUIRED_BYTES = 16 << 20
_COMPILERS = ("numba", "llvmlite", "numpy", "torch")


@cache
def cache_directory() -> Path | None:
    """The first writable of NUMBA_CACHE_DIR, `__pycache__` beside this file, and the user's
    cache directory; None if all are read-only or full."""
    here = Path(__file__).parent
    home = os.environ.get("HOME")
    user_cache = os.environ.get("XDG_CACHE_HOME") or (home and f"{home}/.cache")
    parents = (os.environ.get("NUMBA_CACHE_DIR"), f"{here}/__pycache__", user_cache)
    for parent in filter(None, parents):
        directory = Path(parent, f"westlake-{_source_hash(here)}").absolute()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            # With a full disk numba would fail while it compiles, and the server not start.
            with tempfile.TemporaryFile(dir=directory) as probe:
                probe.write(bytes(_REQUIRED_BYTES))
            return directory
        except OSError as error:
            log.debug("no kernel cache in %s: %s", parent, error)
    log.warning("compiled kernels cannot be cached: set NUMBA_CACHE_DIR to a writable directory")
    return None


def self_test_passed(weight_bits: int | None) -> bool:
    """Whether the cached kernels of this precision have passed their self-test."""
    directory = cache_directory()
    return directory is not None and (directory / _marker(weight_bits)).is_file()


def record_self_test(weight_bits: int | None) -> None:
    """Record that the cached kernels of this precision have passed their self-test."""
    if directory := cache_directory():
        try:
            (directory / _marker(weight_bits)).touch()
        except OSError as error:
            log.debug("the self-test will run again at the next start: %s", error)


def _marker(weight_bits: int | None) -> str:
    return f"self-test-passed-{weight_bits}-bit" if weight_bits else "self-test-passed"


def _source_hash(here: Path) -> str:
    sources = b"".join(path.read_bytes() for path in sorted(here.glob("*.py")))
    target = (llvm_features(), os.environ.get("NUMBA_CPU_NAME"), sys.version)
    versions = repr((*target, *map(_version, _COMPILERS))).encode()
    return hashlib.sha256(versions + sources).hexdigest()[:16]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
