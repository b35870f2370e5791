"""Linear layers of the compiled decoder: weights packed in panels, in 16, 32 or 8 bits.

Each weight is stored once; all row counts use the same layout.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from app.model.cpu_kernels.gemm import GEMM_JOB, float_gemm
from app.model.cpu_kernels.microkernel import BFLOAT16, FLOAT16, FLOAT32, PANEL
from app.model.cpu_kernels.rmsnorm_swiglu import ROW_JOB, quantize_rows
from app.model.cpu_kernels.thread_pool import KernelStage, Program
from app.model.int8 import quantize_per_channel, smoothing_factors

DTYPE_CODES = {torch.float32: FLOAT32, torch.float16: FLOAT16, torch.bfloat16: BFLOAT16}


class PanelLinear:
    """y = x Wᵀ in float32; the weights keep their dtype."""

    scale = 1.0
    eight_bit = False

    def __init__(self, weight: Tensor) -> None:
        """weight: [out, in], float32, float16 or bfloat16."""
        self.outputs, self.inputs = weight.shape
        self.panels = -(-self.outputs // PANEL)
        self._weights = _to_panels(weight, 1)
        self.nbytes = self._weights.nbytes
        self._kind = DTYPE_CODES[weight.dtype]

    def stage(
        self, rows: int, x: Tensor, scales: Tensor, y: Tensor, bias: Tensor | None
    ) -> KernelStage:
        """The GEMM as one stage. rows: the address of the row count; x: float32 [rows, >= inputs];
        scales: unused; y: float32 [rows, panels * PANEL]; bias: float32 [panels * PANEL]."""
        job = _job(self, rows, x, y, bias)
        job["kind"], job["weights"] = self._kind, self._weights.data_ptr()
        return KernelStage(float_gemm, job)

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, in] -> [rows, out], float32."""
        count = np.array([x.shape[0]], np.int64)
        x, y = x.contiguous(), torch.empty(x.shape[0], self.panels * PANEL)
        Program([self.stage(count.ctypes.data, x, x, y, None)]).run()
        return y[:, : self.outputs]


class Int8PanelLinear:
    """y = x Wᵀ with weights and activations rounded to 8 bits (W8A8), exact int32 sums, float32
    results."""

    scale = 1.0
    eight_bit = True

    def __init__(self, weight: Tensor, column_factors: Tensor | None = None) -> None:
        """weight: [out, in], any float dtype, `in` a multiple of 4; column_factors: [in],
        multiplied into the weight's columns."""
        self.outputs, self.inputs = weight.shape
        self.panels = -(-self.outputs // PANEL)
        values, scales = quantize_per_channel(weight, column_factors, 127)
        missing = self.panels * PANEL - self.outputs
        self._weights = _to_panels(values, 4)
        self._scales = pad(scales, (0, missing))
        self._shift = pad(values.sum(1, dtype=torch.int32) * 128, (0, missing))
        self.nbytes = self._weights.nbytes + self._scales.nbytes + self._shift.nbytes

    def stage(
        self, rows: int, x: Tensor, scales: Tensor, y: Tensor, bias: Tensor | None
    ) -> KernelStage:
        """The GEMM as one stage. x: uint8 [rows, >= inputs], zero point 128; scales: float32
        [rows]; the others as in `PanelLinear.stage`."""
        from app.model.cpu_kernels.int8_gemm import int8_gemm  # compiles; needs AVX-512 VNNI

        job = _job(self, rows, x, y, bias)
        job["weights"], job["scales"] = self._weights.data_ptr(), self._scales.data_ptr()
        job["shift"], job["x_scales"] = self._shift.data_ptr(), scales.data_ptr()
        return KernelStage(int8_gemm, job)

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, in] -> [rows, out], float32."""
        rows, width = x.shape
        count = np.array([rows], np.int64)
        x, y = x.contiguous(), torch.empty(rows, self.panels * PANEL)
        values, scales = torch.empty(rows, width, dtype=torch.uint8), torch.empty(rows)
        rounding = np.zeros(1, ROW_JOB)
        rounding["rows"], rounding["x"] = count.ctypes.data, x.data_ptr()
        rounding["stride"] = rounding["width"] = rounding["byte_stride"] = width
        rounding["bytes"], rounding["scales"] = values.data_ptr(), scales.data_ptr()
        stages = [
            KernelStage(quantize_rows, rounding),
            self.stage(count.ctypes.data, values, scales, y, None),
        ]
        Program(stages).run()
        return y[:, : self.outputs]


AnyPanelLinear = PanelLinear | Int8PanelLinear


class PanelPacker:
    """Packs weights in full precision; implements `quantization.WeightPacker`."""

    def pack(self, weight: Tensor) -> PanelLinear:
        """Pack exactly: float32 weights that fit float16 or bfloat16 without rounding take it."""
        if weight.dtype == torch.float32:
            for kind in (torch.float16, torch.bfloat16):
                if torch.equal(weight.to(kind).float(), weight):
                    return PanelLinear(weight.to(kind))
        return PanelLinear(weight)

    def pack_after_norm(self, norm: Tensor, weight: Tensor) -> tuple[Tensor, PanelLinear]:
        """Pack both as they are."""
        return norm.float(), self.pack(weight)


class Int8PanelPacker:
    """Packs weights in 8 bits; implements `quantization.WeightPacker`."""

    def pack(self, weight: Tensor) -> Int8PanelLinear:
        """Quantize with one scale per output channel."""
        return Int8PanelLinear(weight)

    def pack_after_norm(self, norm: Tensor, weight: Tensor) -> tuple[Tensor, Int8PanelLinear]:
        """Quantize after smoothing the channels that the norm makes large (SmoothQuant)."""
        factors = smoothing_factors(norm, weight)
        return norm.float() / factors, Int8PanelLinear(weight, factors)


def _to_panels(weight: Tensor, group: int) -> Tensor:
    """Repack [out, in] as [panels, inputs / group, PANEL, group]; the last panel is zero-padded."""
    outputs, inputs = weight.shape
    padded = pad(weight, (0, 0, 0, -outputs % PANEL))
    blocks = padded.view(-1, PANEL, inputs // group, group)
    return blocks.transpose(1, 2).contiguous()


def _job(linear: Any, rows: int, x: Tensor, y: Tensor, bias: Tensor | None) -> np.ndarray:
    job = np.zeros(1, GEMM_JOB)
    job["rows"], job["x"], job["y"] = rows, x.data_ptr(), y.data_ptr()
    job["bias"] = 0 if bias is None else bias.data_ptr()
    job["inputs"], job["panels"] = linear.inputs, linear.panels
    job["x_stride"] = x.shape[1]
    return job
