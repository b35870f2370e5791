"""Quantizes a GGUF file with llama.cpp's own tool."""

from __future__ import annotations

import subprocess
from pathlib import Path


def quantized(program: Path, source: Path, target: Path, kind: str) -> Path:
    """Write `target` in `kind`, such as "Q4_0", unless it is there; returns it. program:
    llama-quantize; source: in float32 or float16."""
    if target.exists():
        return target
    unfinished = target.with_suffix(".part")
    subprocess.run(
        [program, source, unfinished, kind],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    unfinished.rename(target)
    return target
