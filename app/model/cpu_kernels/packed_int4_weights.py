"""Weights in 4 bits, with a scale and a zero point per group of 32 inputs: 4.625 bits a weight."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from app.model.cpu_kernels.int4_microkernel import PANEL_GROUP_BYTES, SCALE_BYTES, WEIGHTS_AT
from app.model.cpu_kernels.int4_rounding import Int4Groups, round_to_int4
from app.model.cpu_kernels.int8_microkernel import GROUP
from app.model.cpu_kernels.microkernel import PANEL
from app.model.cpu_kernels.quantized_linear import QuantizedPanelLinear, stored_groups
from app.model.stored_matrix import Matrix, has_int4_groups


class Int4PanelLinear(QuantizedPanelLinear):
    """Weights rounded to 4 bits."""

    group_bytes = PANEL_GROUP_BYTES

    @classmethod
    def packing(cls, weight: Matrix) -> type[QuantizedPanelLinear]:
        """Repacked are integers of 4 bits with a float16 scale for each group."""
        return RepackedInt4Linear if has_int4_groups(weight) else cls

    @staticmethod
    def pack(weight: Tensor, panels: Tensor) -> None:
        """See `pack_int4_groups`."""
        pack_int4_groups(round_to_int4(weight), panels)

    @staticmethod
    def tile() -> Any:
        """The micro-kernel of 4-bit weights."""
        from app.model.cpu_kernels.int4_tile import int4_tile  # compiles

        return int4_tile


class RepackedInt4Linear(Int4PanelLinear):
    """Integers of 4 bits with the float16 scales that they have in their file, such as Q4_0."""

    exact = True

    def pack_rows(self, weight: Matrix, rows: slice, panels: Tensor) -> None:
        """Copy integers and scales; weight: a `StoredMatrix` with `int4_groups`.

        The zero point is the smallest with which no integer is negative: it is at most the one of
        the file, so none exceeds 15 either.
        """
        values, scales = stored_groups(weight, rows, len(panels))
        groups = values.view(*scales.shape, GROUP)
        zero_points = groups.amin(-1).neg_().clamp_min_(0)
        shifted = (groups + zero_points[..., None]).to(torch.uint8)
        pack_int4_groups(Int4Groups(shifted, zero_points.to(torch.uint8), scales), panels)


def pack_int4_groups(groups: Int4Groups, panels: Tensor) -> None:
    """Pack [count * PANEL] rows of groups into uint8 [count, groups, PANEL_GROUP_BYTES], see
    int4_microkernel.py."""
    count, length, _ = panels.shape
    scales = groups.scales.view(count, PANEL, length).transpose(1, 2).contiguous()
    zeros = groups.zero_points.view(count, 2, PANEL // 2, length).permute(1, 0, 3, 2)
    values = groups.values.view(count, PANEL, length, 2, GROUP // 8, 4).permute(3, 0, 2, 4, 1, 5)
    panels[..., :SCALE_BYTES] = scales.view(torch.uint8)
    panels[..., SCALE_BYTES:WEIGHTS_AT] = zeros[0] | zeros[1] << 4
    panels[..., WEIGHTS_AT:] = (values[0] | values[1] << 4).flatten(2)
