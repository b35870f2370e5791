"""GEMM of 8-bit weights and inputs, divided among threads as in `gemm.py`."""

from __future__ import annotations

import numpy as np
from numba import carray

from app.model.cpu_kernels.gemm import add_bias, gemm_job_at, panels_per_claim, tile_rows
from app.model.cpu_kernels.int8_microkernel import (
    MAX_INT8_TILE_ROWS,
    PANEL_GROUP_BYTES,
    int8_microkernel,
)
from app.model.cpu_kernels.intrinsics import fetch_add, pointer
from app.model.cpu_kernels.jit import kernel
from app.model.cpu_kernels.microkernel import PANEL


@kernel
def int8_gemm(job_address, counter, thread, num_threads):
    """y = x Wᵀ in float32, from exact int32 sums of each group of inputs."""
    job = carray(gemm_job_at(job_address), 1)[0]
    rows = carray(pointer(job.rows), 1, np.int64)[0]
    claim = panels_per_claim(job.panels, num_threads)
    while True:
        start = fetch_add(counter, claim)
        if start >= job.panels:
            break
        for panel in range(start, min(start + claim, job.panels)):
            weights = job.weights + panel * job.inputs * PANEL_GROUP_BYTES
            first = 0
            while first < rows:
                count = tile_rows(rows, first, MAX_INT8_TILE_ROWS)
                x = job.x + first * job.x_stride
                y = job.y + (first * job.y_stride + panel * PANEL) * 4
                int8_microkernel(count, weights, x, job.x_stride, y, 4 * job.y_stride, job.inputs)
                first += count
            if job.bias:
                add_bias(job, rows, panel)
