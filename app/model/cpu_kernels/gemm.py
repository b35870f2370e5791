"""GEMM of a step's rows with packed weights, divided among threads by panels of outputs.

A job record holds all addresses, that of the micro-kernel for the weights' format among them.
"""

from __future__ import annotations

import numpy as np
from numba import carray, from_dtype

from app.model.cpu_kernels.intrinsics import call_tile_kernel, fetch_add, pointer, pointer_to
from app.model.cpu_kernels.jit import jit, kernel
from app.model.cpu_kernels.microkernel import PANEL

#: Addresses, and sizes in elements.
GEMM_JOB = np.dtype(
    [
        ("rows", np.int64),  #: address of the row count
        ("x", np.int64),  #: rows in the micro-kernel's format
        ("x_stride", np.int64),  #: in bytes
        ("microkernel", np.int64),
        ("most_rows", np.int64),  #: of a tile
        ("weights", np.int64),  #: panels in the micro-kernel's format
        ("panel_bytes", np.int64),
        ("steps", np.int64),  #: of the micro-kernel for a whole row
        ("panels", np.int64),
        ("bias", np.int64),  #: float32 [panels * PANEL], or 0
        ("y", np.int64),  #: float32 [rows, y_stride]
        ("y_stride", np.int64),
    ]
)
gemm_job_at = pointer_to(from_dtype(GEMM_JOB))


@jit
def claimed_panels(ticket, panels, num_threads):
    """First panel of the ticket's claim, and the panel after its last; the same twice after the
    last claim. A claim takes two thirds of a thread's share of what remains (guided
    self-scheduling, Polychronopoulos and Kuck, 1987): long claims read memory in long runs, and a
    late thread leaves its part to the others. Panels are computed one by one, so a row's bits do
    not depend on it."""
    start = 0
    for _ in range(ticket):
        start += _claim(panels - start, num_threads)
    return start, start + _claim(panels - start, num_threads)


@jit
def _claim(remaining, num_threads):
    return min(remaining, max(1, 2 * remaining // (3 * num_threads)))


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
def gemm(job_address, counter, thread, num_threads):
    """y = x Wᵀ in float32."""
    job = carray(gemm_job_at(job_address), 1)[0]
    rows = carray(pointer(job.rows), 1, np.int64)[0]
    while True:
        start, end = claimed_panels(fetch_add(counter, 1), job.panels, num_threads)
        if start == end:
            break
        for panel in range(start, end):
            weights = job.weights + panel * job.panel_bytes
            first = 0
            while first < rows:
                count = tile_rows(rows, first, job.most_rows)
                x = job.x + first * job.x_stride
                y = job.y + (first * job.y_stride + panel * PANEL) * 4
                call_tile_kernel(
                    job.microkernel, count, weights, x, job.x_stride, y, 4 * job.y_stride, job.steps
                )
                first += count
            if job.bias:
                add_bias(job, rows, panel)
