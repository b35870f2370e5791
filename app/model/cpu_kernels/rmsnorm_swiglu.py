"""Fused row-wise kernels between two GEMMs: residual add + RMSNorm, SwiGLU, 8-bit quantization.

Each kernel writes what the next GEMM reads: float32, or 8-bit integers with a scale per group.
"""

from __future__ import annotations

import numpy as np
from numba import carray, from_dtype

from app.model.cpu_kernels.intrinsics import fetch_add, pointer, pointer_to
from app.model.cpu_kernels.jit import jit, kernel
from app.model.cpu_kernels.quantize import quantize_row, subtract_quantized
from app.model.cpu_kernels.vector_math import silu
from app.model.cpu_kernels.vector_sums import sum_of_squares

#: Addresses, and sizes in elements.
ROW_JOB = np.dtype(
    [
        ("rows", np.int64),  #: address of the row count
        ("x", np.int64),  #: float32 [rows, stride]: the kernel's input
        ("stride", np.int64),
        ("width", np.int64),  #: elements of a result row
        ("hidden", np.int64),  #: float32 [rows, width]: the residual stream
        ("norm", np.int64),  #: float32 [width], or 0 for no norm
        ("epsilon", np.float64),
        ("out", np.int64),  #: float32 [rows, out_stride]; scratch if the result is quantized
        ("out_stride", np.int64),
        ("quantized", np.int64),  #: [rows, quantized_stride] bytes; 0 for float results
        ("quantized_stride", np.int64),
    ]
)
_row_job_at = pointer_to(from_dtype(ROW_JOB))


@jit
def _quantize_if_asked(job, out, row):
    """Quantize a result row for an int8 GEMM."""
    if job.quantized:
        quantize_row(out[row], job.width, job.quantized + row * job.quantized_stride)


@kernel
def add_rms_norm(job_address, counter, thread, num_threads):
    """hidden += x; out = hidden / rms(hidden) * norm (RMSNorm, arXiv 1910.07467)."""
    job = carray(_row_job_at(job_address), 1)[0]
    rows = carray(pointer(job.rows), 1, np.int64)[0]
    width = job.width
    hidden = carray(pointer(job.hidden), (rows, width), np.float32)
    x = carray(pointer(job.x), (rows, job.stride), np.float32)
    out = carray(pointer(job.out), (rows, job.out_stride), np.float32)
    norm = carray(pointer(job.norm), width, np.float32)
    while True:
        row = fetch_add(counter, 1)
        if row >= rows:
            break
        if job.x:
            for i in range(width):
                hidden[row, i] += x[row, i]
        if job.norm:
            total = sum_of_squares(job.hidden + row * width * 4, width)
            mean = total / np.float32(width) + np.float32(job.epsilon)
            factor = np.float32(1) / np.sqrt(mean)
            for i in range(width):
                out[row, i] = hidden[row, i] * factor * norm[i]
            _quantize_if_asked(job, out, row)


@kernel
def swiglu(job_address, counter, thread, num_threads):
    """out = silu(first half of x) * second half (SwiGLU, arXiv 2002.05202)."""
    job = carray(_row_job_at(job_address), 1)[0]
    rows = carray(pointer(job.rows), 1, np.int64)[0]
    width = job.width
    x = carray(pointer(job.x), (rows, job.stride), np.float32)
    out = carray(pointer(job.out), (rows, job.out_stride), np.float32)
    while True:
        row = fetch_add(counter, 1)
        if row >= rows:
            break
        for i in range(width):
            out[row, i] = silu(x[row, i]) * x[row, width + i]
        _quantize_if_asked(job, out, row)


@kernel
def quantize_rows(job_address, counter, thread, num_threads):
    """Quantize the rows of x."""
    job = carray(_row_job_at(job_address), 1)[0]
    rows = carray(pointer(job.rows), 1, np.int64)[0]
    x = carray(pointer(job.x), (rows, job.stride), np.float32)
    while True:
        row = fetch_add(counter, 1)
        if row >= rows:
            break
        _quantize_if_asked(job, x, row)


@kernel
def quantize_rows_and_errors(job_address, counter, thread, num_threads):
    """Quantize the rows of x, and after them their rounding errors: twice as many rows, whose
    results are to be added. x is overwritten."""
    job = carray(_row_job_at(job_address), 1)[0]
    rows = carray(pointer(job.rows), 1, np.int64)[0]
    x = carray(pointer(job.x), (rows, job.stride), np.float32)
    while True:
        row = fetch_add(counter, 1)
        if row >= rows:
            break
        groups = job.quantized + row * job.quantized_stride
        quantize_row(x[row], job.width, groups)
        subtract_quantized(x[row], job.width, groups)
        quantize_row(x[row], job.width, groups + rows * job.quantized_stride)


@kernel
def add_error_results(job_address, counter, thread, num_threads):
    """Add the results of rounding errors to those of their rows, see `quantize_rows_and_errors`.
    x: of the next GEMM, [2 rows, stride]; out is not used."""
    job = carray(_row_job_at(job_address), 1)[0]
    rows = carray(pointer(job.rows), 1, np.int64)[0]
    x = carray(pointer(job.x), (2 * rows, job.stride), np.float32)
    while True:
        row = fetch_add(counter, 1)
        if row >= rows:
            break
        for i in range(job.width):
            x[row, i] += x[rows + row, i]
