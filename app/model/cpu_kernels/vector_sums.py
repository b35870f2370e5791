"""Sums of float32 arrays whose bits do not depend on the CPU's vector width.

Sixteen partial sums, added in pairs at the end; what is left over is added one by one. The
auto-vectorizer would use as many partial sums as the CPU's vectors have lanes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from app.model.cpu_kernels.instruction_sets import call
from app.model.cpu_kernels.intrinsics import WORD

_LANES = 16
_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_FLOATS = ir.VectorType(_FLOAT, _LANES)

#: Emits the new partial sum of a partial sum and an element, both scalars or both vectors.
EmitAdd = Callable[[Any, Any, Any], Any]


def _add_square(builder: Any, total: Any, value: Any) -> Any:
    name = "llvm.fma.f32" if value.type == _FLOAT else f"llvm.fma.v{_LANES}f32"
    return call(builder, name, value.type, value, value, total)


def _add(builder: Any, total: Any, value: Any) -> Any:
    return builder.fadd(total, value)


def _emit_sum(builder: Any, address: Any, count: Any, add: EmitAdd) -> Any:
    first = builder.inttoptr(address, _FLOAT.as_pointer())
    chunks = builder.lshr(count, WORD(4))
    partial = cgutils.alloca_once_value(builder, ir.Constant(_FLOATS, None))
    with cgutils.for_range(builder, chunks) as loop:
        chunk = builder.gep(first, [builder.mul(loop.index, WORD(_LANES))])
        values = builder.load(builder.bitcast(chunk, _FLOATS.as_pointer()), align=4)
        builder.store(add(builder, builder.load(partial), values), partial)
    total = cgutils.alloca_once_value(builder, _add_lanes(builder, builder.load(partial)))
    with cgutils.for_range(builder, count, builder.mul(chunks, WORD(_LANES))) as loop:
        value = builder.load(builder.gep(first, [loop.index]))
        builder.store(add(builder, builder.load(total), value), total)
    return builder.load(total)


def _add_lanes(builder: Any, lanes: Any) -> Any:
    """The sum of a vector's lanes: first and second half, and so on."""
    count = _LANES
    while count > 1:
        count //= 2
        halves = [
            builder.shuffle_vector(
                lanes,
                ir.Constant(lanes.type, ir.Undefined),
                ir.Constant(ir.VectorType(_INT, count), list(range(start, start + count))),
            )
            for start in (0, count)
        ]
        lanes = builder.fadd(*halves)
    return builder.extract_element(lanes, _INT(0))


def _summing(add: EmitAdd) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _emit_sum(builder, args[0], args[1], add)

    @intrinsic
    def total(typing: Any, address: Any, count: Any) -> Any:
        return types.float32(types.int64, types.int64), emit

    return total


#: (address, count) -> the sum of `count` float32 at an address.
sum_of = _summing(_add)
#: (address, count) -> the sum of their squares.
sum_of_squares = _summing(_add_square)
