"""Tunes glibc's malloc while weights are loaded, so that freed blocks return to the system.

glibc allocates blocks above M_MMAP_THRESHOLD by mmap, and raises that threshold whenever such a
block is freed, up to 32 MB. From then on matrices share heaps of 64 MB, and memory freed between
them is not returned (mallopt(3)).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD in malloc.h
_WHILE_LOADING, _WHILE_SERVING = 2**20, 2**25


@contextmanager
def mmap_large_blocks() -> Iterator[None]:
    """Inside, blocks of 1 MiB or more are allocated by mmap, and unmapped when freed. Afterwards
    only those of 32 MiB or more, so that a step's buffers are not mapped again each time. No effect
    without glibc."""
    libc = ctypes.CDLL(None)
    tunable = hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim")
    if tunable:
        libc.mallopt(_MMAP_THRESHOLD, _WHILE_LOADING)
    try:
        yield
    finally:
        if tunable:
            libc.mallopt(_MMAP_THRESHOLD, _WHILE_SERVING)
            libc.malloc_trim(0)
