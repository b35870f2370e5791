"""Quantizes float32 rows to 8 bits, with a scale per group of inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic

from app.model.cpu_kernels.instruction_sets import call
from app.model.cpu_kernels.int8_microkernel import (
    GROUP,
    INPUT_GROUP_BYTES,
    INPUT_NEGATIVE_SUM,
    INPUT_SCALE,
)
from app.model.cpu_kernels.intrinsics import BYTES, WORD, pointer
from app.model.cpu_kernels.jit import jit

_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_FLOATS, _INTS = ir.VectorType(_FLOAT, GROUP), ir.VectorType(_INT, GROUP)


@intrinsic
def _quantize_group(typing: Any, values: Any, group: Any) -> Any:
    """Quantize the GROUP floats at an address to the group at another address, see
    int8_microkernel.py. Emitted, because numba computes integer sums in 64 bits, and then LLVM
    needs four times as long."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source = builder.inttoptr(args[0], _FLOATS.as_pointer())
        row = builder.load(source, align=4)
        absolute = call(builder, f"llvm.fabs.v{GROUP}f32", _FLOATS, row)
        # NaN if a value is NaN, so that the results become NaN
        absmax = call(builder, f"llvm.vector.reduce.fmaximum.v{GROUP}f32", _FLOAT, absolute)
        absmax = call(builder, "llvm.maximum.f32", _FLOAT, absmax, _FLOAT(1e-30))
        factor = _splat(builder, builder.fdiv(_FLOAT(127.0), absmax), _FLOATS)
        # The cast truncates, so + 128.5 rounds to nearest and adds 128.
        shifted = builder.fadd(builder.fmul(row, factor), ir.Constant(_FLOATS, [128.5] * GROUP))
        integers = builder.sub(builder.fptosi(shifted, _INTS), ir.Constant(_INTS, [128] * GROUP))
        total = call(builder, f"llvm.vector.reduce.add.v{GROUP}i32", _INT, integers)
        narrow = ir.VectorType(ir.IntType(8), GROUP)
        _store(builder, builder.trunc(integers, narrow), args[1], 0)
        _store(builder, builder.fdiv(absmax, _FLOAT(127.0)), args[1], INPUT_SCALE)
        _store(builder, builder.neg(total), args[1], INPUT_NEGATIVE_SUM)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


def _splat(builder: Any, value: Any, vector: Any) -> Any:
    undefined = ir.Constant(vector, ir.Undefined)
    single = builder.insert_element(undefined, value, _INT(0))
    return builder.shuffle_vector(single, undefined, ir.Constant(_INTS, [0] * GROUP))


def _store(builder: Any, value: Any, address: Any, offset: int) -> None:
    target = builder.gep(builder.inttoptr(address, BYTES), [WORD(offset)])
    builder.store(value, builder.bitcast(target, value.type.as_pointer()), align=1)


@jit
def quantize_row(values, width, group):
    """Quantize a float32 row of `width` elements to groups of INPUT_GROUP_BYTES, the first at the
    address `group`, see int8_microkernel.py. The last group is padded with zeros."""
    whole = width // GROUP * GROUP
    for first in range(0, whole, GROUP):
        _quantize_group(values.ctypes.data + 4 * first, group)
        group += INPUT_GROUP_BYTES
    if whole < width:
        # the group's own bytes would not hold the floats
        padded = np.zeros(GROUP, np.float32)
        padded[: width - whole] = values[whole:width]
        _quantize_group(padded.ctypes.data, group)


@jit
def subtract_quantized(values, width, group):
    """Subtract from a row what `quantize_row` made of it, the first group at the address `group`:
    the rounding errors are left."""
    for first in range(0, width, GROUP):
        integers = carray(pointer(group), GROUP, np.int8)
        scale = carray(pointer(group + INPUT_SCALE), 1, np.float32)[0]
        for i in range(min(GROUP, width - first)):
            values[first + i] -= np.float32(integers[i]) * scale
        group += INPUT_GROUP_BYTES
