"""Makes a GEMM of packed weights a stage of a program."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from app.model.cpu_kernels.gemm import GEMM_JOB, gemm
from app.model.cpu_kernels.thread_pool import KernelStage


def gemm_stage(
    tile: Any,
    most_rows: int,
    weights: Tensor,
    rows: int,
    x: Tensor,
    y: Tensor,
    bias: Tensor | None,
) -> KernelStage:
    """y = x Wᵀ + bias.

    tile: the compiled micro-kernel, see `jit.tile_kernel`, and most_rows: of a tile; weights, x:
    [panels, steps, ...] and [rows, ...] in its format; rows: the address of the row count; y:
    float32 [rows, >= panels * PANEL]; bias: float32 [panels * PANEL].
    """
    job = np.zeros(1, GEMM_JOB)
    job["microkernel"], job["most_rows"] = tile.address, most_rows
    job["weights"], job["panels"], job["steps"] = weights.data_ptr(), *weights.shape[:2]
    job["panel_bytes"] = weights.stride(0) * weights.element_size()
    job["rows"], job["x"], job["y"] = rows, x.data_ptr(), y.data_ptr()
    job["x_stride"], job["y_stride"] = x.shape[1] * x.element_size(), y.shape[1]
    job["bias"] = 0 if bias is None else bias.data_ptr()
    return KernelStage(gemm, job)
