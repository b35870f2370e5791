"""Memory for packed weights on transparent huge pages (Linux, admin-guide/mm/transhuge).

A step reads all weights once. On pages of 4 KiB that misses the TLB at nearly every page, and the
prefetchers stop at each page's end: one row took 12 to 15 % longer (docs/lab-log.md).
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

#: Bytes of a huge page on x86-64. Matrices follow each other without gaps, so that those of small
#: models, which are smaller, have them too.
HUGE_PAGE = 2**21
#: Bytes of address space mapped at a time; what is not written takes no memory.
_REGION_BYTES = 2**27
_CACHE_LINE = 64


class HugePages:
    """Hands out parts of large regions. A region is unmapped with the last tensor in it. Used by
    one thread at a time."""

    def __init__(self) -> None:
        self._left = torch.empty(0, dtype=torch.uint8)

    def empty(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """An uninitialized tensor that begins at a cache line."""
        size = prod(shape) * dtype.itemsize
        if size > len(self._left):
            self._left = _map_region(max(size, _REGION_BYTES))
        taken, self._left = self._left[:size], self._left[-(-size // _CACHE_LINE) * _CACHE_LINE :]
        return taken.view(dtype).view(*shape)


def _map_region(size: int) -> Tensor:
    """`size` bytes, uint8, from the beginning of a huge page."""
    mapping = mmap.mmap(-1, size + HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without them
            mapping.madvise(mmap.MADV_HUGEPAGE)
    region = torch.frombuffer(mapping, dtype=torch.uint8)
    return region[-region.data_ptr() % HUGE_PAGE :][:size]


#: Where all weights are packed.
weight_memory = HugePages()
