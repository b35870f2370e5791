"""Matrix products of 8-bit integers, shared out as `products.py` shares those of floats.

Knows nothing about how rows became integers. Imported only where its instructions can run.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from app.model.cpu_kernels.gemm import add_bias, part, product_at, run_of
from app.model.cpu_kernels.int8_microkernel import byte_tile
from app.model.cpu_kernels.intrinsics import pointer, take
from app.model.cpu_kernels.jit import inner, kernel
from app.model.cpu_kernels.microkernel import PANEL


@inner
def _unscale(job, first, count, panel):
    """Sums of integers to floats, in place."""
    width = job.panels * PANEL
    place = job.y + (first * width + panel * PANEL) * 4
    y = carray(pointer(place), (count, width), np.float32)
    sums = carray(pointer(place), (count, width), np.int32)
    shift = carray(pointer(job.shift + panel * PANEL * 4), PANEL, np.int32)
    scales = carray(pointer(job.scales + panel * PANEL * 4), PANEL, np.float32)
    x_scales = carray(pointer(job.x_scales + first * 4), count, np.float32)
    for row in range(count):
        scale = x_scales[row]
        for column in range(PANEL):
            exact = sums[row, column] - shift[column]
            y[row, column] = np.float32(exact) * scales[column] * scale


@kernel
def byte_product(address, counter, thread, team):
    """y = x Wᵀ with exact sums of 8-bit integers."""
    job = carray(product_at(address), 1)[0]
    rows = carray(pointer(job.rows), 1, np.int64)[0]
    width, groups = job.panels * PANEL, job.inputs // 4
    run = run_of(job.panels, team)
    while True:
        start = take(counter, run)
        if start >= job.panels:
            break
        for panel in range(start, min(start + run, job.panels)):
            weights = job.weights + panel * job.inputs * PANEL
            first = 0
            while first < rows:
                count = part(rows, first)
                x = job.x + first * job.x_stride
                y = job.y + (first * width + panel * PANEL) * 4
                byte_tile(count, weights, x, job.x_stride // 4, y, width, groups)
                _unscale(job, first, count, panel)
                first += count
            if job.bias:
                add_bias(job, rows, panel)
