"""Matrix products of a step's rows, shared out among threads by panels of outputs.

Knows nothing about what the products mean. A job says where everything is; `bias` and, for
bytes, `scales` and `shift` belong to the outputs and are as long as the padded output.
"""

from __future__ import annotations

import numpy as np
from numba import carray, from_dtype

from app.model.cpu_kernels.intrinsics import fetch_add, pointer, pointer_to
from app.model.cpu_kernels.jit import jit, kernel
from app.model.cpu_kernels.microkernel import MAX_TILE_ROWS, PANEL, element_size, float_microkernel

#: Addresses, and sizes in elements.
GEMM_JOB = np.dtype(
    [
        ("rows", np.int64),  #: address of the number of rows
        ("x", np.int64),  #: float32, or unsigned bytes around 128; inputs of each row
        ("x_scales", np.int64),  #: of bytes: float32 [rows]
        ("kind", np.int64),  #: of float weights, see tile.py
        ("weights", np.int64),  #: [panels, inputs, PANEL]; bytes: [panels, inputs / 4, PANEL, 4]
        ("scales", np.int64),  #: of bytes: float32 [panels * PANEL]
        ("shift", np.int64),  #: of bytes: int32, 128 times the sum of an output's weights
        ("bias", np.int64),  #: float32, or 0
        ("y", np.int64),  #: float32 [rows, panels * PANEL]
        ("inputs", np.int64),
        ("x_stride", np.int64),  #: from row to row of x
        ("panels", np.int64),
    ]
)
gemm_job_at = pointer_to(from_dtype(GEMM_JOB))

#: Panels are taken in runs, about this many for each thread: one that is slower than the others,
#: or comes late, leaves its share to them.
_CLAIMS_PER_THREAD = 16


@jit
def panels_per_claim(panels, num_threads):
    """How many panels a thread takes at a time. They are computed one by one, so no bit of a
    row depends on it."""
    return max(1, panels // (num_threads * _CLAIMS_PER_THREAD))


@jit
def tile_rows(rows, first):
    """How many of the rows from `first` on make the next tile: as alike as can be."""
    left = rows - first
    tiles = (left + MAX_TILE_ROWS - 1) // MAX_TILE_ROWS
    return (left + tiles - 1) // tiles


@jit
def add_bias(job, rows, panel):
    width = job.panels * PANEL
    first = panel * PANEL * 4
    bias = carray(pointer(job.bias + first), PANEL, np.float32)
    y = carray(pointer(job.y + first), (rows, width), np.float32)
    for row in range(rows):
        for column in range(PANEL):
            y[row, column] += bias[column]


@kernel
def float_gemm(job_address, counter, thread, num_threads):
    """y = x Wᵀ in float32."""
    job = carray(gemm_job_at(job_address), 1)[0]
    rows = carray(pointer(job.rows), 1, np.int64)[0]
    width, size = job.panels * PANEL, element_size(job.kind)
    run = panels_per_claim(job.panels, num_threads)
    while True:
        start = fetch_add(counter, run)
        if start >= job.panels:
            break
        for panel in range(start, min(start + run, job.panels)):
            weights = job.weights + panel * job.inputs * (PANEL * size)
            first = 0
            while first < rows:
                count = tile_rows(rows, first)
                x = job.x + first * job.x_stride * 4
                y = job.y + (first * width + panel * PANEL) * 4
                float_microkernel(job.kind, count, weights, x, job.x_stride, y, width, job.inputs)
                first += count
            if job.bias:
                add_bias(job, rows, panel)
