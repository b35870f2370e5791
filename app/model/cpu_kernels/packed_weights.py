"""Linear layers of the compiled decoder in full precision: weights packed in panels.

Each weight is stored once; all row counts use the same layout.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from app.model.cpu_kernels.float_microkernel import BFLOAT16, FLOAT16, FLOAT32
from app.model.cpu_kernels.gemm import GEMM_JOB, float_gemm
from app.model.cpu_kernels.microkernel import PANEL, ROW_PADDING
from app.model.cpu_kernels.thread_pool import KernelStage, Program

DTYPE_CODES = {torch.float32: FLOAT32, torch.float16: FLOAT16, torch.bfloat16: BFLOAT16}


class PanelLinear:
    """y = x Wᵀ in float32; the weights keep their dtype."""

    scale = 1.0
    eight_bit = False

    def __init__(self, weight: Tensor) -> None:
        """weight: [out, in], float32, float16 or bfloat16."""
        self.outputs, self.inputs = weight.shape
        self.panels = -(-self.outputs // PANEL)
        self._weights = to_panels(weight)
        self.nbytes = self._weights.nbytes
        self._kind = DTYPE_CODES[weight.dtype]

    def stage(self, rows: int, x: Tensor, y: Tensor, bias: Tensor | None) -> KernelStage:
        """The GEMM as one stage. rows: the address of the row count; x: float32 [rows, >= inputs];
        y: float32 [rows, >= panels * PANEL]; bias: float32 [panels * PANEL]."""
        job = new_job(rows, x, y, bias)
        job["kind"], job["weights"] = self._kind, self._weights.data_ptr()
        job["inputs"], job["panels"] = self.inputs, self.panels
        return KernelStage(float_gemm, job)

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, in] -> [rows, out], float32."""
        count = np.array([x.shape[0]], np.int64)
        x, y = x.contiguous(), new_output(x.shape[0], self.panels)
        Program([self.stage(count.ctypes.data, x, y, None)]).run()
        return y[:, : self.outputs]


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


def to_panels(weight: Tensor) -> Tensor:
    """Repack [out, in] as [panels, in, PANEL]; the last panel is zero-padded."""
    padded = pad(weight, (0, 0, 0, -weight.shape[0] % PANEL))
    return padded.view(-1, PANEL, weight.shape[1]).transpose(1, 2).contiguous()


def new_output(rows: int, panels: int) -> Tensor:
    """An uninitialized GEMM output, float32 [rows, panels * PANEL + ROW_PADDING]."""
    return torch.empty(rows, panels * PANEL + ROW_PADDING)


def new_job(rows: int, x: Tensor, y: Tensor, bias: Tensor | None) -> np.ndarray:
    """A GEMM job without the weights. rows: the address of the row count; x, y: see GEMM_JOB."""
    job = np.zeros(1, GEMM_JOB)
    job["rows"], job["x"], job["y"] = rows, x.data_ptr(), y.data_ptr()
    job["x_stride"], job["y_stride"] = x.shape[1], y.shape[1]
    job["bias"] = 0 if bias is None else bias.data_ptr()
    return job
