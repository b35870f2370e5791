"""GEMM of a step's rows with packed weights, divided among threads by panels of outputs.

A job record holds all addresses. `bias` and, for int8, `scales` and `shift` are per output
channel, as long as the padded output.
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
        ("rows", np.int64),  #: address of the row count
        ("x", np.int64),  #: float32, or uint8 with zero point 128: [rows, x_stride]
        ("x_scales", np.int64),  #: int8: float32 [rows]
        ("kind", np.int64),  #: dtype code of float weights, see microkernel.py
        ("weights", np.int64),  #: [panels, inputs, PANEL]; int8: [panels, inputs / 4, PANEL, 4]
        ("scales", np.int64),  #: int8: float32 [panels * PANEL]
        ("shift", np.int64),  #: int8: int32, 128 * the sum of an output channel's weights
        ("bias", np.int64),  #: float32, or 0
        ("y", np.int64),  #: float32 [rows, panels * PANEL]
        ("inputs", np.int64),
        ("x_stride", np.int64),  #: elements from row to row of x
        ("panels", np.int64),
    ]
)
gemm_job_at = pointer_to(from_dtype(GEMM_JOB))

#: Threads claim several panels at a time, about this many claims per thread: a slow or late
#: thread leaves its part to the others (dynamic scheduling).
_CLAIMS_PER_THREAD = 16


@jit
def panels_per_claim(panels, num_threads):
    """How many panels a thread claims at a time. Panels are computed one by one, so a row's bits
    do not depend on it."""
    return max(1, panels // (num_threads * _CLAIMS_PER_THREAD))


@jit
def tile_rows(rows, first):
    """Row count of the tile that begins at row `first`: tiles are of nearly equal size."""
    remaining = rows - first
    tiles = (remaining + MAX_TILE_ROWS - 1) // MAX_TILE_ROWS
    return (remaining + tiles - 1) // tiles


@jit
def add_bias(job, rows, panel):
    """y += bias, for one panel of outputs."""
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
    claim = panels_per_claim(job.panels, num_threads)
    while True:
        start = fetch_add(counter, claim)
        if start >= job.panels:
            break
        for panel in range(start, min(start + claim, job.panels)):
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
