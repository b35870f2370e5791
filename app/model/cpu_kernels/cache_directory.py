"""Where machine code is kept from one start to the next, and which trial of it went well.

Knows nothing about numba. Each state of this room's sources, of the CPU's features and of the
compiler has a folder of its own: numba looks only at the file of the function itself, not at
those of the functions that were compiled into it.
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

from app.checkpoint.hardware.cpu_features import for_compiler

log = logging.getLogger(__name__)

#: More than all kernels take together.
_REQUIRED_BYTES = 16 << 20
_COMPILERS = ("numba", "llvmlite", "numpy", "torch")


@cache
def cache_directory() -> Path | None:
    """In NUMBA_CACHE_DIR, beside this file, or in the user's cache, whichever can be written
    first; None if none can."""
    here = Path(__file__).parent
    home = os.environ.get("HOME")
    of_user = os.environ.get("XDG_CACHE_HOME") or (home and f"{home}/.cache")
    places = (os.environ.get("NUMBA_CACHE_DIR"), f"{here}/__pycache__", of_user)
    for place in filter(None, places):
        found = Path(place, f"westlake-{_source_hash(here)}").absolute()
        try:
            found.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=found) as trial:  # a full disk would stop the start
                trial.write(bytes(_REQUIRED_BYTES))
            return found
        except OSError as error:
            log.debug("not in %s: %s", place, error)
    log.warning("compiled kernels cannot be kept: set NUMBA_CACHE_DIR to a writable folder")
    return None


def self_test_passed(eight_bit: bool) -> bool:
    """Whether these very kernels have been tried before, and were right."""
    kept = cache_directory()
    return kept is not None and (kept / _marker(eight_bit)).is_file()


def record_self_test(eight_bit: bool) -> None:
    """They were right."""
    if kept := cache_directory():
        try:
            (kept / _marker(eight_bit)).touch()
        except OSError as error:
            log.debug("tried again at the next start: %s", error)


def _marker(eight_bit: bool) -> str:
    return "right-8-bit" if eight_bit else "right"


def _source_hash(here: Path) -> str:
    sources = b"".join(path.read_bytes() for path in sorted(here.glob("*.py")))
    told = (for_compiler(), os.environ.get("NUMBA_CPU_NAME"), sys.version)
    facts = repr((*told, *map(_version, _COMPILERS))).encode()
    return hashlib.sha256(facts + sources).hexdigest()[:16]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
