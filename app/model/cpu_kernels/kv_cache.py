"""Keys and values in the panels that the compiled attention reads, one slot per sequence.

Knows nothing about who owns a slot. Of each head, keys are [positions / PANEL, head_dim, PANEL]
and values [head_dim / PANEL, positions, PANEL], so both are the weights of a product.
"""

from __future__ import annotations

import torch
from torch import Tensor

from app.checkpoint.config import ModelConfig
from app.model.cpu_kernels.microkernel import PANEL
from app.model.kv_cache import SlotMemory


class PanelCache:
    """In one lazy mapping. Owned by the engine thread."""

    def __init__(
        self, config: ModelConfig, slots: int, positions: int, dtype: torch.dtype = torch.float32
    ) -> None:
        """dtype: float32, or float16: half the memory, which is what attention waits for."""
        self.dtype = dtype
        self.slots = slots
        self.positions = -(-positions // PANEL) * PANEL
        self.padded_dim = -(-config.head_dim // PANEL) * PANEL
        elements = 2 * config.layers * config.kv_heads * self.padded_dim
        self.bytes_per_token = elements * dtype.itemsize
        self._mapping = SlotMemory(slots, self.bytes_per_token * self.positions)
        head = self.positions * self.padded_dim
        shape = (slots, config.layers, 2, config.kv_heads, head)
        self._whole = self._mapping.bytes.view(dtype).view(shape)

    def layer(self, number: int) -> Tensor:
        """[slots, 2, kv_heads, positions * padded_dim]."""
        return self._whole[:, number]

    def release(self, slot: int) -> None:
        """Give the memory behind a slot back to the system."""
        self._mapping.release(slot)

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Copy positions [start, end) of all layers from one slot to another, which holds the
        same keys as the source before `start` and nothing after `end`."""
        panels = slice(start // PANEL, -(-end // PANEL))
        keys, values = self._whole[:, :, 0], self._whole[:, :, 1]
        by_panel = keys.unflatten(-1, (-1, self.padded_dim, PANEL))
        by_panel[target, :, :, panels].copy_(by_panel[source, :, :, panels])
        by_position = values.unflatten(-1, (-1, self.positions, PANEL))
        by_position[target, :, :, :, start:end].copy_(by_position[source, :, :, :, start:end])
