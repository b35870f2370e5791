"""Quantizes float32 rows to 8 bits, with a scale per group of inputs."""

from __future__ import annotations

import numpy as np
from numba import carray

from app.model.cpu_kernels.int8_microkernel import (
    GROUP,
    INPUT_CORRECTION,
    INPUT_GROUP_BYTES,
    INPUT_SCALE,
    ZERO_POINT,
)
from app.model.cpu_kernels.intrinsics import maximum, pointer
from app.model.cpu_kernels.jit import jit


@jit
def _quantize_group(values, first, count, address):
    """Quantize values[first : first + count] to the group at an address; the rest of it is 0."""
    integers = carray(pointer(address), GROUP, np.int8)
    absmax = np.float32(1e-30)
    for i in range(count):
        absmax = maximum(absmax, abs(values[first + i]))
    factor = np.float32(127) / absmax
    total = np.int32(0)
    for i in range(count):
        # The cast truncates, so + 128.5 rounds to nearest and adds 128.
        integer = np.int32(values[first + i] * factor + np.float32(128.5)) - np.int32(128)
        integers[i] = np.int8(integer)
        total += integer
    for i in range(count, GROUP):
        integers[i] = np.int8(0)
    # NaN if a value is NaN, so that the results become NaN
    carray(pointer(address + INPUT_SCALE), 1, np.float32)[0] = absmax / np.float32(127)
    carray(pointer(address + INPUT_CORRECTION), 1, np.int32)[0] = -ZERO_POINT * total


@jit
def quantize_row(values, width, address):
    """Quantize a float32 row of `width` elements to groups of INPUT_GROUP_BYTES, see
    int8_microkernel.py."""
    whole = width // GROUP
    for group in range(whole):
        _quantize_group(values, group * GROUP, GROUP, address + group * INPUT_GROUP_BYTES)
    if whole * GROUP < width:
        first = whole * GROUP
        _quantize_group(values, first, width - first, address + whole * INPUT_GROUP_BYTES)
