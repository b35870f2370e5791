"""Whether this machine's AMX instructions work.

Knows nothing about who wants them. Some virtual machines announce AMX and then end a program
that uses it: peers that trust the announcement must then be told.
"""

from __future__ import annotations

import functools
import platform
import subprocess
import sys
from pathlib import Path

#: Asks Linux for the tile registers, clears one of them, releases them and returns.
PROBE = """
import ctypes, mmap
if ctypes.CDLL(None).syscall(158, 0x1023, 18):
    raise SystemExit(1)
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(bytes.fromhex("c4e27b49c0" "c4e27849c0" "c3"))
ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
"""


def announced() -> bool:
    """Linux lists it among the CPU's features."""
    path = Path("/proc/cpuinfo")
    return platform.machine() == "x86_64" and path.exists() and " amx_tile" in path.read_text()


@functools.cache
def works() -> bool:
    """A program that uses it survives."""
    return announced() and subprocess.run([sys.executable, "-c", PROBE]).returncode == 0
