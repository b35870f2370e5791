"""Linear layers of the compiled decoder whose weights and inputs have a scale per group of 32
inputs.

One scale per row of inputs cannot represent their outliers (docs/lab-log.md).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from app.model.cpu_kernels.gemm_stage import gemm_stage
from app.model.cpu_kernels.huge_pages import weight_memory
from app.model.cpu_kernels.int8_microkernel import GROUP, INPUT_GROUP_BYTES, MAX_INT8_TILE_ROWS
from app.model.cpu_kernels.microkernel import PANEL
from app.model.cpu_kernels.packed_panels import PackedPanels
from app.model.cpu_kernels.packed_weights import PanelLinear, new_output
from app.model.cpu_kernels.rmsnorm_swiglu import ROW_JOB, quantize_rows
from app.model.cpu_kernels.thread_pool import KernelStage, Program
from app.model.stored_matrix import Matrix, StoredMatrix, rows_of

#: Panels that are packed at a time: bounds the memory for intermediate results.
_PANELS_AT_ONCE = 16


class QuantizedPanelLinear(PackedPanels, ABC):
    """y = x Wᵀ with rounded weights, inputs rounded to 8 bits, exact sums of groups, and float32
    results."""

    scale = 1.0
    quantized_inputs = True
    exact: ClassVar[bool] = False  #: the weights are not rounded
    group_bytes: ClassVar[int]  #: of a panel

    def __init__(self, weight: Matrix) -> None:
        """weight: [out, in], any float dtype."""
        outputs, inputs = weight.shape
        shape = -(-outputs // PANEL), -(-inputs // GROUP), self.group_bytes
        self.hold(weight_memory.empty(shape, torch.uint8), outputs, inputs)
        for first in range(0, self.panels, _PANELS_AT_ONCE):
            panels = self.packed[first : first + _PANELS_AT_ONCE]
            rows = slice(first * PANEL, min((first + len(panels)) * PANEL, self.outputs))
            self.pack_rows(weight, rows, panels)

    def pack_rows(self, weight: Matrix, rows: slice, panels: Tensor) -> None:
        """Pack some rows, see `pack`; the last panel is padded."""
        block = rows_of(weight, rows).float()
        missing = (-self.inputs % GROUP, len(panels) * PANEL - len(block))
        self.pack(pad(block, (0, missing[0], 0, missing[1])), panels)

    @classmethod
    @abstractmethod
    def packing(cls, weight: Matrix) -> type[QuantizedPanelLinear]:
        """This class, or one that repacks `weight` as it is stored, without rounding it."""

    @staticmethod
    @abstractmethod
    def pack(weight: Tensor, panels: Tensor) -> None:
        """Round float32 [count * PANEL, groups * GROUP] into uint8 [count, groups,
        group_bytes]."""

    @staticmethod
    @abstractmethod
    def tile() -> Any:
        """The compiled micro-kernel, see `jit.tile_kernel`; the first call compiles it."""

    def stage(self, rows: int, x: Tensor, y: Tensor, bias: Tensor | None) -> KernelStage:
        """The GEMM as one stage. x: quantized rows, uint8 [rows, >= quantized_bytes(inputs)]; the
        others as in `PanelLinear.stage`."""
        return gemm_stage(self.tile(), MAX_INT8_TILE_ROWS, self.packed, rows, x, y, bias)

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, in] -> [rows, out], float32."""
        count = np.array([x.shape[0]], np.int64)
        quantized, y = quantize(x), new_output(x.shape[0], self.panels)
        Program([self.stage(count.ctypes.data, quantized, y, None)]).run()
        return y[:, : self.outputs]


def stored_groups(weight: Matrix, rows: slice, panels: int) -> tuple[Tensor, Tensor]:
    """The integers of some rows, int8 [panels * PANEL, in], and their scales, float16 [panels *
    PANEL, in / GROUP], padded with zeros.

    Raises:
        TypeError: `weight` is in memory.
    """
    if not isinstance(weight, StoredMatrix):
        raise TypeError("only integers that are stored can be repacked")
    values, scales = weight.int8_rows(rows)
    missing = panels * PANEL - len(values)
    if not missing:  # pad would copy
        return values, scales
    return pad(values, (0, 0, 0, missing)), pad(scales, (0, 0, 0, missing))


AnyPanelLinear = PanelLinear | QuantizedPanelLinear


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
