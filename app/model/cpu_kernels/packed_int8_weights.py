"""Linear layers of the compiled decoder in 8 bits: weights and inputs have a scale per group.

Groups of 32 inputs on both sides, as in llama.cpp's Q8_0: one scale per row of inputs cannot
represent their outliers (docs/lab-log.md).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from app.model.cpu_kernels.int8_microkernel import (
    GROUP,
    INPUT_GROUP_BYTES,
    PANEL_GROUP_BYTES,
    SCALE_BYTES,
    ZERO_POINT,
)
from app.model.cpu_kernels.microkernel import PANEL
from app.model.cpu_kernels.packed_weights import PanelLinear, new_job, new_output
from app.model.cpu_kernels.rmsnorm_swiglu import ROW_JOB, quantize_rows
from app.model.cpu_kernels.thread_pool import KernelStage, Program
from app.model.int8 import move_outliers

#: Panels that are packed at a time: bounds the memory for intermediate results.
_PANELS_AT_ONCE = 64


class Int8PanelLinear:
    """y = x Wᵀ with weights and inputs rounded to 8 bits, exact sums of groups, float32 results."""

    scale = 1.0
    eight_bit = True

    def __init__(self, weight: Tensor) -> None:
        """weight: [out, in], any float dtype."""
        self.outputs, self.inputs = weight.shape
        self.panels = -(-self.outputs // PANEL)
        self._groups = -(-self.inputs // GROUP)
        self._weights = torch.empty(self.panels, self._groups, PANEL_GROUP_BYTES, dtype=torch.uint8)
        for first in range(0, self.panels, _PANELS_AT_ONCE):
            panels = self._weights[first : first + _PANELS_AT_ONCE]
            block = weight[first * PANEL :][: len(panels) * PANEL].float()
            missing = (-self.inputs % GROUP, len(panels) * PANEL - len(block))
            pack_groups(pad(block, (0, missing[0], 0, missing[1])), panels)
        self.nbytes = self._weights.nbytes

    def stage(self, rows: int, x: Tensor, y: Tensor, bias: Tensor | None) -> KernelStage:
        """The GEMM as one stage. x: quantized rows, uint8 [rows, >= quantized_bytes(inputs)]; the
        others as in `PanelLinear.stage`."""
        from app.model.cpu_kernels.int8_gemm import int8_gemm  # compiles

        job = new_job(rows, x, y, bias)
        job["weights"] = self._weights.data_ptr()
        job["inputs"], job["panels"] = self._groups, self.panels
        return KernelStage(int8_gemm, job)

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, in] -> [rows, out], float32."""
        count = np.array([x.shape[0]], np.int64)
        quantized, y = quantize(x), new_output(x.shape[0], self.panels)
        Program([self.stage(count.ctypes.data, quantized, y, None)]).run()
        return y[:, : self.outputs]


AnyPanelLinear = PanelLinear | Int8PanelLinear


class Int8PanelPacker:
    """Packs weights in 8 bits; implements `quantization.WeightPacker`."""

    def pack(self, weight: Tensor) -> Int8PanelLinear:
        """Quantize with a scale per output channel and group of inputs."""
        return Int8PanelLinear(weight)

    def pack_after_norm(self, norm: Tensor, weight: Tensor) -> tuple[Tensor, Int8PanelLinear]:
        """Quantize the weight after `move_outliers`."""
        norm, weight = move_outliers(norm, weight)
        return norm.float(), Int8PanelLinear(weight)


def quantized_bytes(width: int) -> int:
    """Bytes of a quantized input row of `width` elements."""
    return -(-width // GROUP) * INPUT_GROUP_BYTES


def quantize(x: Tensor) -> Tensor:
    """Quantize float32 [rows, width] to uint8 [rows, quantized_bytes(width)]."""
    x, (rows, width) = x.contiguous(), x.shape
    quantized = torch.empty(rows, quantized_bytes(width), dtype=torch.uint8)
    count, job = np.array([rows], np.int64), np.zeros(1, ROW_JOB)
    job["rows"], job["x"] = count.ctypes.data, x.data_ptr()
    job["stride"] = job["width"] = width
    job["quantized"], job["quantized_stride"] = quantized.data_ptr(), quantized.shape[1]
    Program([KernelStage(quantize_rows, job)]).run()
    return quantized


def pack_groups(weight: Tensor, panels: Tensor, zero_point: int = ZERO_POINT) -> None:
    """Quantize float32 [count * PANEL, groups * GROUP] into uint8 [count, groups,
    PANEL_GROUP_BYTES], see int8_microkernel.py. zero_point: added to the integers."""
    count, groups, _ = panels.shape
    blocks = weight.view(count, PANEL, groups, GROUP)
    scales = round_up_to_bfloat16(blocks.abs().amax(-1) / 127)  # [count, PANEL, groups]
    divisors = scales.float().clamp_min_(torch.finfo(torch.float32).tiny)
    values = (blocks / divisors[..., None]).round_().to(torch.int16) + zero_point
    quads = values.to(torch.uint8).view(count, PANEL, groups, GROUP // 4, 4)
    panels[..., :SCALE_BYTES] = scales.transpose(1, 2).contiguous().view(torch.uint8)
    panels[..., SCALE_BYTES:] = quads.permute(0, 2, 3, 1, 4).flatten(2)


def round_up_to_bfloat16(values: Tensor) -> Tensor:
    """The smallest bfloat16 not below each of the non-negative float32 values: with a smaller
    scale the largest weight of a group would not fit 8 bits."""
    bits = values.view(torch.int32).add(0xFFFF).bitwise_right_shift_(16)
    return bits.to(torch.int16).view(torch.bfloat16)
