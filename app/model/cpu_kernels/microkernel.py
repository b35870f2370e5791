"""The inner loop of a matrix product: a few rows against one panel of weights, in registers.

Knows nothing about threads or layers. Written as vector instructions, because a compiler does
not find this loop in plain code. Every sum runs over the inputs in order, one multiply-add at a
time, so a row's bits do not depend on how many rows are in the tile. The panel layout and the
register blocking follow Goto and van de Geijn, "Anatomy of High-Performance Matrix
Multiplication", 2008.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from app.checkpoint.hardware.cpu_features import features
from app.model.cpu_kernels.intrinsics import BYTES, WORD
from app.model.cpu_kernels.jit import jit

#: Outputs of a panel: two vectors of 16.
PANEL = 32
LANES = 16
_VECTORS = PANEL // LANES
#: Rows whose sums fit the registers beside the weights.
MAX_TILE_ROWS = 12 if "avx512f" in features() else 3
#: How far ahead of their use weights are asked for: what the memory's latency takes.
_PREFETCH_BYTES = 4096

#: Floats to add to the length of rows that a tile reads together: at a power of two apart they
#: would all want the same few lines of the core's first cache.
ROW_PADDING = 16

_FLOAT, _HALF = ir.FloatType(), ir.HalfType()
INT, _SHORT = ir.IntType(32), ir.IntType(16)
_FLOATS = ir.VectorType(_FLOAT, LANES)
INTS = ir.VectorType(INT, LANES)

#: How a weight is stored.
FLOAT32, FLOAT16, BFLOAT16 = 0, 1, 2

Emit = Callable[..., Any]


def _float_loop(kind: int) -> Any:
    """The loops over float32 inputs and weights of one kind."""
    size = 4 if kind == FLOAT32 else 2

    def weights(builder: Any, place: Any) -> Any:
        if kind == FLOAT32:
            return builder.load(builder.bitcast(place, _FLOATS.as_pointer()), align=4)
        shorts = ir.VectorType(_SHORT, LANES)
        stored = builder.load(builder.bitcast(place, shorts.as_pointer()), align=2)
        if kind == FLOAT16:
            halves = builder.bitcast(stored, ir.VectorType(_HALF, LANES))
            return builder.fpext(halves, _FLOATS)
        wide = builder.shl(builder.zext(stored, INTS), ir.Constant(INTS, [16] * LANES))
        return builder.bitcast(wide, _FLOATS)

    def multiply(builder: Any, x: Any, weight: Any, total: Any) -> Any:
        return call_vector(builder, "llvm.fma.v16f32", _FLOATS, x, weight, total)

    return loops(size, _FLOAT, _FLOATS, weights, multiply)


def loops(size: int, element: Any, vector: Any, weights: Emit, multiply: Emit) -> Any:
    """A loop for each number of rows. size: bytes of weights one step takes per output."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rows, *rest = args
        end = builder.append_basic_block("end")
        switch = builder.switch(rows, end)
        for count in range(1, MAX_TILE_ROWS + 1):
            block = builder.append_basic_block(f"rows{count}")
            switch.add_case(ir.Constant(WORD, count), block)
            builder.position_at_end(block)
            _loop(builder, count, size, element, vector, weights, multiply, *rest)
            builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    @intrinsic
    def body(typing, rows, panel, x, x_stride, y, y_stride, inputs):
        return types.void(*[types.int64] * 7), emit

    return body


def _loop(
    builder: Any,
    rows: int,
    size: int,
    element: Any,
    vector: Any,
    weights: Emit,
    multiply: Emit,
    panel: Any,
    x: Any,
    x_stride: Any,
    y: Any,
    y_stride: Any,
    inputs: Any,
) -> None:
    """All inputs of `rows` rows against one panel, in the current block."""
    start = builder.block
    panel = builder.inttoptr(panel, BYTES)
    first = builder.inttoptr(x, element.as_pointer())
    sources = [builder.gep(first, [builder.mul(x_stride, WORD(row))]) for row in range(rows)]
    loop, done = builder.append_basic_block("loop"), builder.append_basic_block("done")
    builder.branch(loop)
    builder.position_at_end(loop)
    step = builder.phi(WORD)
    step.add_incoming(WORD(0), start)
    sums = [[builder.phi(vector) for _ in range(_VECTORS)] for _ in range(rows)]
    offset = builder.mul(step, WORD(PANEL * size))
    loaded = [
        weights(builder, builder.gep(panel, [builder.add(offset, WORD(number * LANES * size))]))
        for number in range(_VECTORS)
    ]
    for line in range(0, PANEL * size, 64):
        _prefetch(builder, builder.gep(panel, [builder.add(offset, WORD(_PREFETCH_BYTES + line))]))
    following = builder.add(step, WORD(1))
    step.add_incoming(following, loop)
    for source, totals in zip(sources, sums, strict=True):
        value = _broadcast(builder, builder.load(builder.gep(source, [step])), vector)
        for total, weight in zip(totals, loaded, strict=True):
            total.add_incoming(ir.Constant(vector, [0] * LANES), start)
            total.add_incoming(multiply(builder, value, weight, total), loop)
    builder.cbranch(builder.icmp_signed("<", following, inputs), loop, done)
    builder.position_at_end(done)
    target = builder.inttoptr(y, element.as_pointer())
    for row, totals in enumerate(sums):
        place = builder.gep(target, [builder.mul(y_stride, WORD(row))])
        for number, total in enumerate(totals):
            final = total.incomings[1][0]
            spot = builder.gep(place, [WORD(number * LANES)])
            builder.store(final, builder.bitcast(spot, vector.as_pointer()), align=4)


def _broadcast(builder: Any, value: Any, vector: Any) -> Any:
    undefined = ir.Constant(vector, ir.Undefined)
    single = builder.insert_element(undefined, value, INT(0))
    return builder.shuffle_vector(single, undefined, ir.Constant(INTS, [0] * LANES))


def _prefetch(builder: Any, place: Any) -> None:
    prefetch = ir.FunctionType(ir.VoidType(), [BYTES, INT, INT, INT])
    function = cgutils.get_or_insert_function(builder.module, prefetch, "llvm.prefetch.p0")
    builder.call(function, [place, INT(0), INT(2), INT(1)])  # to be read, into L2, data


def call_vector(builder: Any, name: str, vector: Any, *values: Any) -> Any:
    function = ir.FunctionType(vector, [vector] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, function, name), values)


_float32_loop, _float16_loop = _float_loop(FLOAT32), _float_loop(FLOAT16)
_bfloat16_loop = _float_loop(BFLOAT16)

# Functions of their own: between other loops the compiler no longer kept the sums in registers,
# which made attention ten times slower. Written out at the module's level: numba does not find a
# function made by another one again in its cache, and compiled it at every start.


@jit
def _float32_tile(rows, weights, x, x_stride, y, y_stride, inputs):
    _float32_loop(rows, weights, x, x_stride, y, y_stride, inputs)


@jit
def _float16_tile(rows, weights, x, x_stride, y, y_stride, inputs):
    _float16_loop(rows, weights, x, x_stride, y, y_stride, inputs)


@jit
def _bfloat16_tile(rows, weights, x, x_stride, y, y_stride, inputs):
    _bfloat16_loop(rows, weights, x, x_stride, y, y_stride, inputs)


@jit
def element_size(kind):
    """Bytes of a weight of this kind."""
    return 4 if kind == FLOAT32 else 2


@jit
def float_microkernel(kind, rows, weights, x, x_stride, y, y_stride, inputs):
    """y = x Wᵀ in float32, weights of a kind. Strides in floats."""
    if kind == FLOAT32:
        _float32_tile(rows, weights, x, x_stride, y, y_stride, inputs)
    elif kind == FLOAT16:
        _float16_tile(rows, weights, x, x_stride, y, y_stride, inputs)
    else:
        _bfloat16_tile(rows, weights, x, x_stride, y, y_stride, inputs)
