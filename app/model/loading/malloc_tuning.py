"""Keeps the C library from scattering a model's matrices over half-empty heaps.

Knows nothing about models. glibc raises its limit for blocks that get a mapping of their own
with every such block that is freed, up to 32 MB; from then on matrices share heaps of 64 MB,
and what is freed between them is never given back (mallopt(3)).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD in malloc.h
_WHILE_LOADING, _WHILE_SERVING = 2**20, 2**25


@contextmanager
def mmap_large_blocks() -> Iterator[None]:
    """Inside, a block of a megabyte or more is a mapping that goes when it is freed. Afterwards
    only those of 32 MB: what a step needs again and again is not mapped anew each time. No
    effect where the C library is not glibc."""
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
