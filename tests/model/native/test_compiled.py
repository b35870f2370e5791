"""Compiled kernels are kept from one start to the next."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KERNELS = """
import app.model.native.decoder
from app.model.native.trial import products_are_right
assert products_are_right(False)
"""


def start(cache: Path) -> set[tuple[str, int]]:
    """Import all kernels in a process of its own; returns the files of machine code."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    subprocess.run([sys.executable, "-c", KERNELS], env=environment, check=True, timeout=120)
    return {(path.name, path.stat().st_mtime_ns) for path in cache.rglob("*.nb?")}


def test_a_second_start_compiles_nothing(tmp_path: Path) -> None:
    kept = start(tmp_path)
    assert len(kept) > 20
    assert start(tmp_path) == kept
