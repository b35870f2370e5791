"""GEMM of a step's rows with packed weights, divided among threads by panels of outputs.

A job record holds all addresses.
"""

from __future__ import annotations

import numpy as np
from numba import carray, from_dtype

from app.model.cpu_kernels.float_microkernel import MAX_TILE_ROWS, element_size, float_microkernel
from app.model.cpu_kernels.intrinsics import fetch_add, pointer, pointer_to
from app.model.cpu_kernels.jit import jit, kernel
from app.model.cpu_kernels.microkernel import PANEL

#: Addresses, and sizes in elements.
GEMM_JOB = np.dtype(
    [
        ("rows", np.int64),  #: address of the row count
        ("x", np.int64),  #: float32 [rows, x_stride], or quantized rows, see int8_microkernel.py
        ("x_stride", np.int64),  #: elements, or bytes of a quantized row
        ("kind", np.int64),  #: dtype code of float weights, see float_microkernel.py
        ("weights", np.int64),  #: [panels, inputs, PANEL], or groups, see int8_microkernel.py
        ("inputs", np.int64),  #: inputs of a float GEMM, groups of inputs of an 8-bit one
        ("panels", np.int64),
        ("bias", np.int64),  #: float32 [panels * PANEL], or 0
        ("y", np.int64),  #: float32 [rows, y_stride]
        ("y_stride", np.int64),
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
def tile_rows(rows, first, most):
    """Row count of the tile that begins at row `first`: tiles of at most `most` rows, of nearly
    equal size."""
    remaining = rows - first
    tiles = (remaining + most - 1) // most
    return (remaining + tiles - 1) // tiles


@jit
def add_bias(job, rows, panel):
    """y += bias, for one panel of outputs."""
    first = panel * PANEL * 4
    bias = carray(pointer(job.bias + first), PANEL, np.float32)
    y = carray(pointer(job.y + first), (rows, job.y_stride), np.float32)
    for row in range(rows):
        for column in range(PANEL):
            y[row, column] += bias[column]


@kernel
def float_gemm(job_address, counter, thread, num_threads):
    """y = x Wᵀ in float32."""
    job = carray(gemm_job_at(job_address), 1)[0]
    rows = carray(pointer(job.rows), 1, np.int64)[0]
    size = element_size(job.kind)
    claim = panels_per_claim(job.panels, num_threads)
    while True:
        start = fetch_add(counter, claim)
        if start >= job.panels:
            break
        for panel in range(start, min(start + claim, job.panels)):
            weights = job.weights + panel * job.inputs * (PANEL * size)
            first = 0
            while first < rows:
                count = tile_rows(rows, first, MAX_TILE_ROWS)
                x = job.x + first * job.x_stride * 4
                y = job.y + (first * job.y_stride + panel * PANEL) * 4
                float_microkernel(
                    job.kind, count, weights, x, job.x_stride, y, job.y_stride, job.inputs
                )
                first += count
            if job.bias:
                add_bias(job, rows, panel)
