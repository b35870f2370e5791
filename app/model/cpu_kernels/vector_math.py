"""Exponentials that a compiler can turn into vector instructions, and rounding to 8 bits.

Knows nothing about models. math.exp would be a call of the C library for every element; and a
loop that starts anywhere but at 0 is not made into vectors, because an index might be negative.
"""

from __future__ import annotations

import numpy as np

from app.model.cpu_kernels.intrinsics import bits_to_float, float_to_half_bits, maximum
from app.model.cpu_kernels.jit import jit

_LOG2E = np.float32(1.44269504088896341)
# ln 2 in two parts, so that n * ln 2 is subtracted without rounding (Cody and Waite, 1980)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_ONE, _HALF = np.float32(1), np.float32(0.5)
_MOST = np.float32(87)
_MOST_HALF = np.float32(65504)
# minimax polynomial of (e^r - 1 - r) / r² on |r| <= ln 2 / 2, as in the Cephes library
_P0, _P1, _P2 = (
    np.float32(1.9875691500e-4),
    np.float32(1.3981999507e-3),
    np.float32(8.3334519073e-3),
)
_P3, _P4, _P5 = (
    np.float32(4.1665795894e-2),
    np.float32(1.6666665459e-1),
    np.float32(5.0000001201e-1),
)


@jit
def exp(x):
    """e^x to 2e-7 for |x| <= 87, and e^±87 beyond; not-a-number stays."""
    x = -maximum(-maximum(x, -_MOST), -_MOST)
    whole = np.floor(x * _LOG2E + _HALF)
    rest = x - whole * _LN2_HIGH - whole * _LN2_LOW
    series = ((((_P0 * rest + _P1) * rest + _P2) * rest + _P3) * rest + _P4) * rest + _P5
    return (series * rest * rest + rest + _ONE) * bits_to_float((np.int32(whole) + 127) << 23)


@jit
def silu(x):
    """x / (1 + e^-x)."""
    return x / (_ONE + exp(-x))


@jit
def row_max(values):
    """Of a row; not-a-number if one is."""
    found = np.float32(-np.inf)
    for i in range(len(values)):
        found = maximum(found, values[i])
    return found


@jit
def to_half(x):
    """The bits of the float16 nearest to x; what is too large for one becomes the largest."""
    return float_to_half_bits(-maximum(-maximum(x, -_MOST_HALF), -_MOST_HALF))


@jit
def quantize_row(values, out):
    """A row of floats to unsigned bytes around 128; returns their scale. A row that holds a
    not-a-number gets it as its scale, so that it does not turn into plausible numbers."""
    height = np.float32(1e-30)
    for i in range(len(out)):
        height = maximum(height, abs(values[i]))
    factor = np.float32(127) / height
    for i in range(len(out)):
        out[i] = np.uint8(np.int32(values[i] * factor + np.float32(128.5)))
    return height / np.float32(127)
