"""The KV cache of the compiled attention: keys and values in packed panels, a slot per sequence.

Per head, keys are [positions / PANEL, head_dim, PANEL] and values [head_dim / PANEL, positions,
PANEL]: the layout of a GEMM's packed weights.
"""

from __future__ import annotations

import torch
from torch import Tensor

from app.checkpoint.config import ModelConfig
from app.model.cpu_kernels.microkernel import PANEL
from app.model.kv_cache import SlotMemory


class PanelCache:
    """All slots in one lazily mapped region. Used by the engine thread only."""

    def __init__(
        self, config: ModelConfig, slots: int, positions: int, dtype: torch.dtype = torch.float32
    ) -> None:
        """dtype: float32, or float16: attention is bound by memory bandwidth, so half the bytes
        take about half the time."""
        self.dtype = dtype
        self.slots = slots
        self.positions = -(-positions // PANEL) * PANEL
        self.padded_dim = -(-config.head_dim // PANEL) * PANEL
        elements = 2 * config.layers * config.kv_heads * self.padded_dim
        self.bytes_per_token = elements * dtype.itemsize
        self._mapping = SlotMemory(slots, self.bytes_per_token * self.positions)
        head = self.positions * self.padded_dim
        shape = (slots, config.layers, 2, config.kv_heads, head)
        self._slots = self._mapping.bytes.view(dtype).view(shape)

    def layer(self, index: int) -> Tensor:
        """One layer: [slots, 2, kv_heads, positions * padded_dim]."""
        return self._slots[:, index]

    def release(self, slot: int) -> None:
        """Give the memory behind a slot back to the system."""
        self._mapping.release(slot)

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Copy positions [start, end) of all layers from one slot to another.

        Whole key panels are copied: the target must already have the source's keys before
        `start`, and must not need its keys from `end` on.
        """
        panels = slice(start // PANEL, -(-end // PANEL))
        keys, values = self._slots[:, :, 0], self._slots[:, :, 1]
        by_panel = keys.unflatten(-1, (-1, self.padded_dim, PANEL))
        by_panel[target, :, :, panels].copy_(by_panel[source, :, :, panels])
        by_position = values.unflatten(-1, (-1, self.positions, PANEL))
        by_position[target, :, :, :, start:end].copy_(by_position[source, :, :, :, start:end])
