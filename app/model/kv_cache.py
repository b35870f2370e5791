"""The KV cache of the torch decoder: one slot per sequence in lazily mapped memory.

The scheduler assigns slots. Pages are mapped when they are first written.
"""

from __future__ import annotations

import mmap

import torch

from app.checkpoint.config import ModelConfig
from app.checkpoint.errors import StartupError

#: Attention reads lengths rounded up to this multiple, as SDPA's bits depend on the length
#: (docs/lab-log.md).
READ_MULTIPLE = 16
_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)


class SlotMemory:
    """Slots of equal size in one lazy mapping. Each slot is contiguous, so one madvise call
    releases its memory."""

    def __init__(self, slots: int, slot_bytes: int) -> None:
        """Reserve address space, without memory.

        Raises:
            StartupError: the address space is too small (ulimit -v).
        """
        self._slot_bytes = slot_bytes
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE
        try:
            self._mapping = mmap.mmap(-1, slots * slot_bytes, flags=flags)
        except OSError as error:
            raise StartupError(
                f"cannot reserve {slots * slot_bytes / 2**30:.1f} GiB of address space for the "
                f"KV cache ({error.strerror}): pass a smaller --max_model_len"
            ) from error
        self.bytes = torch.frombuffer(self._mapping, dtype=torch.uint8)

    def release(self, slot: int) -> None:
        """Return a slot's memory to the operating system; it then reads as zeros."""
        start = slot * self._slot_bytes
        # Whole pages only: a page shared with the next slot stays until that slot is released.
        first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
        end = (start + self._slot_bytes) // mmap.PAGESIZE * mmap.PAGESIZE
        if end > first:
            self._mapping.madvise(mmap.MADV_DONTNEED, first, end - first)


class SlotCache:
    """`layers[i]` is a [slots, 2, kv_heads, positions, head_dim] view: keys at 0, values at 1.

    Used by the engine thread only. On a CPU all layers are views of one lazy mapping.
    """

    def __init__(
        self,
        config: ModelConfig,
        slots: int,
        positions: int,
        dtype: torch.dtype,
        devices: tuple[torch.device, ...],
    ) -> None:
        self.slots, self.dtype = slots, dtype
        self.positions = -(-positions // READ_MULTIPLE) * READ_MULTIPLE
        shape = (slots, config.layers, 2, config.kv_heads, self.positions, config.head_dim)
        self.bytes_per_token = (
            2 * config.layers * config.kv_heads * config.head_dim * dtype.itemsize
        )
        self._mapping: SlotMemory | None = None
        if devices[0].type == "cpu":
            self._mapping = SlotMemory(slots, self.bytes_per_token * self.positions)
            region = self._mapping.bytes.view(dtype).view(shape)
            self.layers = [region[:, layer] for layer in range(config.layers)]
        else:
            per_layer = (slots, *shape[2:])
            self.layers = [torch.zeros(per_layer, dtype=dtype, device=d) for d in devices]

    def release(self, slot: int) -> None:
        """Return a slot's memory to the operating system (CPU only)."""
        if self._mapping is not None:
            self._mapping.release(slot)

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Copy positions [start, end) of all layers from one slot to another."""
        for layer in self.layers:
            layer[target, :, :, start:end].copy_(layer[source, :, :, start:end])
