"""exp, SiLU, maximum and float16 conversion that LLVM can vectorize.

math.exp would be a libm call per element. Loops start at 0: LLVM does not vectorize others,
because an index might be negative.
"""

from __future__ import annotations

import numpy as np

from app.model.cpu_kernels.intrinsics import bits_to_float, float_to_half_bits, fma, maximum
from app.model.cpu_kernels.jit import jit

_LOG2E = np.float32(1.44269504088896341)
# ln 2 in two parts, so that n * ln 2 is subtracted without rounding (Cody and Waite, 1980)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_ONE, _HALF = np.float32(1), np.float32(0.5)
_MAX_EXPONENT = np.float32(87)
_MAX_FLOAT16 = np.float32(65504)
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

# minimax polynomial of (2^f - 1) / f on |f| <= 1/2, by the Remez algorithm
_MIN_EXPONENT = np.float32(-126)
_E0, _E1, _E2 = np.float32(0.6931472), np.float32(0.24022653), np.float32(5.5503106e-2)
_E3, _E4, _E5 = np.float32(9.617693e-3), np.float32(1.3406644e-3), np.float32(1.5594678e-4)


@jit
def exp(x):
    """e^x with a relative error of 2e-7 for |x| <= 87; e^±87 beyond; NaN stays NaN."""
    x = -maximum(-maximum(x, -_MAX_EXPONENT), -_MAX_EXPONENT)
    n = np.floor(x * _LOG2E + _HALF)
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    series = ((((_P0 * r + _P1) * r + _P2) * r + _P3) * r + _P4) * r + _P5
    return (series * r * r + r + _ONE) * bits_to_float((np.int32(n) + 127) << 23)


@jit
def exp2(x):
    """2^x for x <= 0 with a relative error of 1e-7; 2^-126 below -126; NaN stays NaN."""
    x = _MIN_EXPONENT if x < _MIN_EXPONENT else x
    n = np.rint(x)
    f = x - n
    series = fma(fma(fma(fma(fma(_E5, f, _E4), f, _E3), f, _E2), f, _E1), f, _E0)
    return fma(series, f, _ONE) * bits_to_float((np.int32(n) + 127) << 23)


@jit
def silu(x):
    """x / (1 + e^-x)."""
    return x / (_ONE + exp(-x))


@jit
def row_max(values):
    """The largest element; NaN if one is NaN."""
    result = np.float32(-np.inf)
    for i in range(len(values)):
        result = maximum(result, values[i])
    return result


@jit
def to_half(x):
    """The bits of the float16 nearest to x, clamped to float16's range."""
    return float_to_half_bits(-maximum(-maximum(x, -_MAX_FLOAT16), -_MAX_FLOAT16))
