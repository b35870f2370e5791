"""Weights in 8 bits, with a scale per group of 32 inputs as in llama.cpp's Q8_0."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from app.model.cpu_kernels.int8_microkernel import (
    GROUP,
    PANEL_GROUP_BYTES,
    SCALE_BYTES,
    ZERO_POINT,
)
from app.model.cpu_kernels.microkernel import PANEL
from app.model.cpu_kernels.quantized_linear import QuantizedPanelLinear, stored_groups
from app.model.stored_matrix import Matrix, has_int8_groups


class Int8PanelLinear(QuantizedPanelLinear):
    """Weights rounded to 8 bits."""

    group_bytes = PANEL_GROUP_BYTES

    @classmethod
    def packing(cls, weight: Matrix) -> type[QuantizedPanelLinear]:
        """Repacked are 8-bit integers with a float16 scale for each group."""
        return RepackedInt8Linear if has_int8_groups(weight) else cls

    @staticmethod
    def pack(weight: Tensor, panels: Tensor) -> None:
        """See `pack_groups`."""
        pack_groups(weight, panels)

    @staticmethod
    def tile() -> Any:
        """The micro-kernel of 8-bit weights."""
        from app.model.cpu_kernels.int8_tile import int8_tile  # compiles

        return int8_tile


class RepackedInt8Linear(Int8PanelLinear):
    """8-bit integers with the float16 scales that they have in their file."""

    exact = True

    def pack_rows(self, weight: Matrix, rows: slice, panels: Tensor) -> None:
        """Copy integers and scales; weight: a `StoredMatrix` with `int8_groups`."""
        copy_groups(*stored_groups(weight, rows, len(panels)), panels)

    @staticmethod
    def tile() -> Any:
        """The micro-kernel of 8-bit weights with float16 scales."""
        from app.model.cpu_kernels.repacked_int8_tile import repacked_int8_tile  # compiles

        return repacked_int8_tile


def pack_groups(weight: Tensor, panels: Tensor, zero_point: int = ZERO_POINT) -> None:
    """Quantize float32 [count * PANEL, groups * GROUP] into uint8 [count, groups,
    PANEL_GROUP_BYTES], see int8_microkernel.py. zero_point: added to the integers."""
    count, groups, _ = panels.shape
    blocks = weight.view(count, PANEL, groups, GROUP)
    scales = round_up_to_bfloat16(blocks.abs().amax(-1) / 127)  # [count, PANEL, groups]
    divisors = scales.float().clamp_min_(torch.finfo(torch.float32).tiny)
    values = (blocks / divisors[..., None]).round_().to(torch.int16)
    _store(values, scales, panels, zero_point)


def copy_groups(
    values: Tensor, scales: Tensor, panels: Tensor, zero_point: int = ZERO_POINT
) -> None:
    """Copy int8 [count * PANEL, groups * GROUP] with float16 scales [count * PANEL, groups] into
    `panels`, see `pack_groups`."""
    count, groups, _ = panels.shape
    blocks = values.view(count, PANEL, groups, GROUP).to(torch.int16)
    _store(blocks, scales.view(count, PANEL, groups), panels, zero_point)


def _store(values: Tensor, scales: Tensor, panels: Tensor, zero_point: int) -> None:
    """values: int16 [count, PANEL, groups, GROUP]; scales: of 16 bits, [count, PANEL, groups]."""
    count, _, groups, _ = values.shape
    quads = (values + zero_point).to(torch.uint8).view(count, PANEL, groups, GROUP // 4, 4)
    panels[..., :SCALE_BYTES] = scales.transpose(1, 2).contiguous().view(torch.uint8)
    panels[..., SCALE_BYTES:] = quads.permute(0, 2, 3, 1, 4).flatten(2)


def round_up_to_bfloat16(values: Tensor) -> Tensor:
    """The smallest bfloat16 not below each of the non-negative float32 values: with a smaller
    scale the largest weight of a group would not fit 8 bits."""
    bits = values.view(torch.int32).add(0xFFFF).bitwise_right_shift_(16)
    return bits.to(torch.int16).view(torch.bfloat16)
