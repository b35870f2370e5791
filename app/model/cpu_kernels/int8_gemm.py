"""GEMM of 8-bit integers (W8A8), divided among threads as in `gemm.py`.

Importing it compiles AVX-512 VNNI code, so it is imported only on CPUs that have it.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from app.model.cpu_kernels.gemm import add_bias, gemm_job_at, panels_per_claim, tile_rows
from app.model.cpu_kernels.int8_microkernel import int8_microkernel
from app.model.cpu_kernels.intrinsics import fetch_add, pointer
from app.model.cpu_kernels.jit import jit, kernel
from app.model.cpu_kernels.microkernel import PANEL


@jit
def _unscale(job, first, count, panel):
    """Dequantize the int32 sums to float32, in place."""
    width = job.panels * PANEL
    address = job.y + (first * width + panel * PANEL) * 4
    y = carray(pointer(address), (count, width), np.float32)
    sums = carray(pointer(address), (count, width), np.int32)
    shift = carray(pointer(job.shift + panel * PANEL * 4), PANEL, np.int32)
    scales = carray(pointer(job.scales + panel * PANEL * 4), PANEL, np.float32)
    x_scales = carray(pointer(job.x_scales + first * 4), count, np.float32)
    for row in range(count):
        scale = x_scales[row]
        for column in range(PANEL):
            exact = sums[row, column] - shift[column]
            y[row, column] = np.float32(exact) * scales[column] * scale


@kernel
def int8_gemm(job_address, counter, thread, num_threads):
    """y = x Wᵀ in float32, from exact int32 sums of 8-bit products."""
    job = carray(gemm_job_at(job_address), 1)[0]
    rows = carray(pointer(job.rows), 1, np.int64)[0]
    width, groups = job.panels * PANEL, job.inputs // 4
    claim = panels_per_claim(job.panels, num_threads)
    while True:
        start = fetch_add(counter, claim)
        if start >= job.panels:
            break
        for panel in range(start, min(start + claim, job.panels)):
            weights = job.weights + panel * job.inputs * PANEL
            first = 0
            while first < rows:
                count = tile_rows(rows, first)
                x = job.x + first * job.x_stride
                y = job.y + (first * width + panel * PANEL) * 4
                int8_microkernel(count, weights, x, job.x_stride // 4, y, width, groups)
                _unscale(job, first, count, panel)
                first += count
            if job.bias:
                add_bias(job, rows, panel)
