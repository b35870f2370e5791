"""Compiled kernels are cached on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KERNELS = """
import app.model.cpu_kernels.decoder
from app.model.cpu_kernels.self_test import gemm_matches_torch
assert gemm_matches_torch(None)
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


def test_a_full_disk_only_disables_the_cache(tmp_path: Path) -> None:
    program = """
from app.model.cpu_kernels.jit import jit
assert jit(lambda x: x + 1)(2) == 3
"""
    done = subprocess.run(
        ["prlimit", "--fsize=100000", sys.executable, "-c", program],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be cached" in done.stderr
    assert not list(tmp_path.rglob("*.nb?"))
