"""Weights stored for the compiled products: in panels, in the checkpoint's own 16 or 32 bits, or
in 8 bits.

Knows nothing about layers. Every weight is kept once, in the one layout that all row counts use.
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
from app.model.cpu_kernels.thread_pool import Program, Stage
from app.model.int8 import quantize_per_channel, smoothing_factors

DTYPE_CODES = {torch.float32: FLOAT32, torch.float16: FLOAT16, torch.bfloat16: BFLOAT16}


class PanelLinear:
    """y = x Wᵀ in float32; the weights stay as they came."""

    scale = 1.0
    eight_bit = False

    def __init__(self, weight: Tensor) -> None:
        """weight: [out, in], float32, float16 or bfloat16."""
        self.outputs, self.inputs = weight.shape
        self.panels = -(-self.outputs // PANEL)
        self._weights = _to_panels(weight, 1)
        self.nbytes = self._weights.nbytes
        self._kind = DTYPE_CODES[weight.dtype]

    def stage(self, rows: int, x: Tensor, scales: Tensor, y: Tensor, bias: Tensor | None) -> Stage:
        """The product as one stage. rows: the address of their number; x: [rows, >= inputs];
        y: [rows, panels * PANEL]; bias: [panels * PANEL]."""
        job = _job(self, rows, x, y, bias)
        job["kind"], job["weights"] = self._kind, self._weights.data_ptr()
        return Stage(float_gemm, job)

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, in] -> [rows, out], float32."""
        count = np.array([x.shape[0]], np.int64)
        x, y = x.contiguous(), torch.empty(x.shape[0], self.panels * PANEL)
        Program([self.stage(count.ctypes.data, x, x, y, None)]).run()
        return y[:, : self.outputs]


class Int8PanelLinear:
    """y = x Wᵀ with both sides rounded to 8 bits and exact sums, in float32."""

    scale = 1.0
    eight_bit = True

    def __init__(self, weight: Tensor, column_factors: Tensor | None = None) -> None:
        """weight: [out, in], any float dtype, `in` a multiple of 4; column_factors: [in]."""
        self.outputs, self.inputs = weight.shape
        self.panels = -(-self.outputs // PANEL)
        values, scales = quantize_per_channel(weight, column_factors, 127)
        missing = self.panels * PANEL - self.outputs
        self._weights = _to_panels(values, 4)
        self._scales = pad(scales, (0, missing))
        self._shift = pad(values.sum(1, dtype=torch.int32) * 128, (0, missing))
        self.nbytes = self._weights.nbytes + self._scales.nbytes + self._shift.nbytes

    def stage(self, rows: int, x: Tensor, scales: Tensor, y: Tensor, bias: Tensor | None) -> Stage:
        """The product as one stage. x: uint8 [rows, >= inputs] around 128; scales: [rows]; the rest
        as in `PanelLinear.stage`."""
        from app.model.cpu_kernels.int8_gemm import int8_gemm  # compiled only where it can be

        job = _job(self, rows, x, y, bias)
        job["weights"], job["scales"] = self._weights.data_ptr(), self._scales.data_ptr()
        job["shift"], job["x_scales"] = self._shift.data_ptr(), scales.data_ptr()
        return Stage(int8_gemm, job)

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
            Stage(quantize_rows, rounding),
            self.stage(count.ctypes.data, values, scales, y, None),
        ]
        Program(stages).run()
        return y[:, : self.outputs]


AnyPanelLinear = PanelLinear | Int8PanelLinear


class PanelPacker:
    """The packing of full precision."""

    def pack(self, weight: Tensor) -> PanelLinear:
        """Exact; float32 numbers that 16 bits can hold are kept in 16."""
        if weight.dtype == torch.float32:
            for kind in (torch.float16, torch.bfloat16):
                if torch.equal(weight.to(kind).float(), weight):
                    return PanelLinear(weight.to(kind))
        return PanelLinear(weight)

    def pack_after_norm(self, norm: Tensor, weight: Tensor) -> tuple[Tensor, PanelLinear]:
        """Nothing to trade."""
        return norm.float(), self.pack(weight)


class Int8PanelPacker:
    """The packing of 8 bits."""

    def pack(self, weight: Tensor) -> Int8PanelLinear:
        """Rounded."""
        return Int8PanelLinear(weight)

    def pack_after_norm(self, norm: Tensor, weight: Tensor) -> tuple[Tensor, Int8PanelLinear]:
        """Channels that the norm makes large are evened out first."""
        factors = smoothing_factors(norm, weight)
        return norm.float() / factors, Int8PanelLinear(weight, factors)


def _to_panels(weight: Tensor, group: int) -> Tensor:
    """[panels, inputs / group, PANEL, group], the last panel filled up with zeros."""
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
