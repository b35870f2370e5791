"""Memory for packed weights on large pages (transparent huge pages of Linux).

A step of one row reads all weights once. On pages of 4 KiB the processor walks the page tables
more often than its TLB remembers, and its prefetchers stop at each page's end.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

#: Of x86-64. Larger than most matrices, so that several share the pages at their ends.
LARGE_PAGE = 2**21
#: Of address space mapped at a time; what is not written takes no memory.
_REGION_BYTES = 2**27
_ALIGNMENT = 64


class LargePages:
    """Hands out parts of large regions. A region is unmapped with the last tensor in it. Used by
    one thread at a time."""

    def __init__(self) -> None:
        self._left = torch.empty(0, dtype=torch.uint8)

    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """An uninitialized tensor, at a cache line's beginning."""
        size = prod(shape) * dtype.itemsize
        if size > len(self._left):
            self._left = _map_region(max(size, _REGION_BYTES))
        taken, self._left = self._left[:size], self._left[-(-size // _ALIGNMENT) * _ALIGNMENT :]
        return taken.view(dtype).view(*shape)


def _map_region(size: int) -> Tensor:
    """`size` bytes, uint8, from the beginning of a large page."""
    mapping = mmap.mmap(-1, size + LARGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without them
            mapping.madvise(mmap.MADV_HUGEPAGE)
    region = torch.frombuffer(mapping, dtype=torch.uint8)
    return region[-region.data_ptr() % LARGE_PAGE :][:size]


#: Of all packed weights.
weight_memory = LargePages()
