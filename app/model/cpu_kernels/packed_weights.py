"""Linear layers of the compiled decoder in full precision: weights packed in panels.

Each weight is stored once; all row counts use the same layout.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from app.model.cpu_kernels.float_microkernel import (
    BFLOAT16,
    FLOAT16,
    FLOAT32,
    MAX_TILE_ROWS,
    bfloat16_tile,
    float16_tile,
    float32_tile,
)
from app.model.cpu_kernels.gemm_stage import gemm_stage
from app.model.cpu_kernels.huge_pages import weight_memory
from app.model.cpu_kernels.microkernel import PANEL, ROW_PADDING
from app.model.cpu_kernels.packed_panels import PackedPanels
from app.model.cpu_kernels.thread_pool import KernelStage, Program
from app.model.loading.quantization import WeightPacker
from app.model.stored_matrix import Matrix, whole

DTYPE_CODES = {torch.float32: FLOAT32, torch.float16: FLOAT16, torch.bfloat16: BFLOAT16}
_TILES = {
    torch.float32: float32_tile,
    torch.float16: float16_tile,
    torch.bfloat16: bfloat16_tile,
}


class PanelLinear(PackedPanels):
    """y = x Wᵀ in float32; the weights keep their dtype."""

    scale = 1.0
    quantized_inputs = False

    def __init__(self, weight: Tensor) -> None:
        """weight: [out, in], float32, float16 or bfloat16."""
        self.hold(to_panels(weight), *weight.shape)

    def stage(self, rows: int, x: Tensor, y: Tensor, bias: Tensor | None) -> KernelStage:
        """The GEMM as one stage. rows: the address of the row count; x: float32 [rows, >= inputs];
        y: float32 [rows, >= panels * PANEL]; bias: float32 [panels * PANEL]."""
        tile = _TILES[self.packed.dtype]
        return gemm_stage(tile, MAX_TILE_ROWS, self.packed, rows, x, y, bias)

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, in] -> [rows, out], float32."""
        count = np.array([x.shape[0]], np.int64)
        x, y = x.contiguous(), new_output(x.shape[0], self.panels)
        Program([self.stage(count.ctypes.data, x, y, None)]).run()
        return y[:, : self.outputs]


class PanelPacker(WeightPacker):
    """Packs weights in full precision."""

    keepable = True

    def pack(self, weight: Matrix) -> PanelLinear:
        """Pack exactly: float32 weights that fit float16 or bfloat16 without rounding take it."""
        weight = whole(weight)
        if weight.dtype == torch.float32:
            for kind in (torch.float16, torch.bfloat16):
                if torch.equal(weight.to(kind).float(), weight):
                    return PanelLinear(weight.to(kind))
        return PanelLinear(weight)

    def pack_after_norm(self, norm: Tensor, weight: Matrix) -> tuple[Tensor, PanelLinear]:
        """Pack both as they are."""
        return norm.float(), self.pack(weight)


def to_panels(weight: Tensor) -> Tensor:
    """Repack [out, in] as [panels, in, PANEL]; the last panel is zero-padded."""
    padded = pad(weight, (0, 0, 0, -weight.shape[0] % PANEL))
    panels = padded.view(-1, PANEL, weight.shape[1]).transpose(1, 2)
    return weight_memory.empty(panels.shape, panels.dtype).copy_(panels)


def new_output(rows: int, panels: int) -> Tensor:
    """An uninitialized GEMM output, float32 [rows, panels * PANEL + ROW_PADDING]."""
    return torch.empty(rows, panels * PANEL + ROW_PADDING)
