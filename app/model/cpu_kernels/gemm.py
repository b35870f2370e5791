"""Matrix products of a step's rows, shared out among threads by panels of outputs.

Knows nothing about what the products mean. A job says where everything is; `bias` and, for
bytes, `scales` and `shift` belong to the outputs and are as long as the padded output.
"""

from __future__ import annotations

import numpy as np
from numba import carray, from_dtype

from app.model.cpu_kernels.intrinsics import pointer, pointer_to, take
from app.model.cpu_kernels.jit import inner, kernel
from app.model.cpu_kernels.microkernel import MOST_ROWS, PANEL, float_tile, size_of

#: Addresses, and sizes in elements.
PRODUCT = np.dtype(
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
product_at = pointer_to(from_dtype(PRODUCT))

#: Panels are taken in runs, about this many for each thread: one that is slower than the others,
#: or comes late, leaves its share to them.
_RUNS = 16


@inner
def run_of(panels, team):
    """How many panels a thread takes at a time. They are computed one by one, so no bit of a
    row depends on it."""
    return max(1, panels // (team * _RUNS))


@inner
def part(rows, first):
    """How many of the rows from `first` on make the next tile: as alike as can be."""
    left = rows - first
    tiles = (left + MOST_ROWS - 1) // MOST_ROWS
    return (left + tiles - 1) // tiles


@inner
def add_bias(job, rows, panel):
    width = job.panels * PANEL
    first = panel * PANEL * 4
    bias = carray(pointer(job.bias + first), PANEL, np.float32)
    y = carray(pointer(job.y + first), (rows, width), np.float32)
    for row in range(rows):
        for column in range(PANEL):
            y[row, column] += bias[column]


@kernel
def float_product(address, counter, thread, team):
    """y = x Wᵀ in float32."""
    job = carray(product_at(address), 1)[0]
    rows = carray(pointer(job.rows), 1, np.int64)[0]
    width, size = job.panels * PANEL, size_of(job.kind)
    run = run_of(job.panels, team)
    while True:
        start = take(counter, run)
        if start >= job.panels:
            break
        for panel in range(start, min(start + run, job.panels)):
            weights = job.weights + panel * job.inputs * (PANEL * size)
            first = 0
            while first < rows:
                count = part(rows, first)
                x = job.x + first * job.x_stride * 4
                y = job.y + (first * width + panel * PANEL) * 4
                float_tile(job.kind, count, weights, x, job.x_stride, y, width, job.inputs)
                first += count
            if job.bias:
                add_bias(job, rows, panel)
