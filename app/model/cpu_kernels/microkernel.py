"""The GEMM micro-kernel: a tile of a few rows times one panel of weights, sums in registers.

Emitted as LLVM vector instructions, because the auto-vectorizer does not produce this loop. Every
sum runs over the inputs in order, one FMA at a time, so a row's bits do not depend on how many
rows the tile has. Panel layout and register blocking follow Goto and van de Geijn, "Anatomy of
High-Performance Matrix Multiplication", 2008.
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

#: Output channels of a panel: two vectors of 16.
PANEL = 32
LANES = 16
_VECTORS = PANEL // LANES
#: Most rows of a tile: their sums fit into the vector registers beside the weights.
MAX_TILE_ROWS = 12 if "avx512f" in features() else 3
#: Prefetch distance of the weights in bytes: covers the memory's latency.
_PREFETCH_BYTES = 4096

#: Floats of padding per row of a tile's input: a power-of-two stride maps all rows to the same
#: L1 cache sets.
ROW_PADDING = 16

_FLOAT, _HALF = ir.FloatType(), ir.HalfType()
INT, _SHORT = ir.IntType(32), ir.IntType(16)
_FLOATS = ir.VectorType(_FLOAT, LANES)
INTS = ir.VectorType(INT, LANES)

#: Dtype codes of weights.
FLOAT32, FLOAT16, BFLOAT16 = 0, 1, 2

Emit = Callable[..., Any]


def _float_loop(kind: int) -> Any:
    """Loops over float32 inputs and weights of the dtype code `kind`."""
    size = 4 if kind == FLOAT32 else 2

    def weights(builder: Any, address: Any) -> Any:
        if kind == FLOAT32:
            return builder.load(builder.bitcast(address, _FLOATS.as_pointer()), align=4)
        shorts = ir.VectorType(_SHORT, LANES)
        stored = builder.load(builder.bitcast(address, shorts.as_pointer()), align=2)
        if kind == FLOAT16:
            halves = builder.bitcast(stored, ir.VectorType(_HALF, LANES))
            return builder.fpext(halves, _FLOATS)
        wide = builder.shl(builder.zext(stored, INTS), ir.Constant(INTS, [16] * LANES))
        return builder.bitcast(wide, _FLOATS)

    def multiply(builder: Any, x: Any, weight: Any, total: Any) -> Any:
        return call_vector(builder, "llvm.fma.v16f32", _FLOATS, x, weight, total)

    return loops(size, _FLOAT, _FLOATS, weights, multiply)


def loops(size: int, element: Any, vector: Any, weights: Emit, multiply: Emit) -> Any:
    """An intrinsic with one unrolled loop per row count. size: bytes of weights per output channel
    and iteration; weights(builder, address) loads one vector of them, and
    multiply(builder, x, weight, total) adds their product."""

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
    """Emit the loop over all inputs for `rows` rows and one panel, from the current block on."""
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
        weights(
            builder, builder.gep(panel, [builder.add(offset, WORD(vector_index * LANES * size))])
        )
        for vector_index in range(_VECTORS)
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
        row_address = builder.gep(target, [builder.mul(y_stride, WORD(row))])
        for index, total in enumerate(totals):
            result = total.incomings[1][0]
            address = builder.gep(row_address, [WORD(index * LANES)])
            builder.store(result, builder.bitcast(address, vector.as_pointer()), align=4)


def _broadcast(builder: Any, value: Any, vector: Any) -> Any:
    """A vector with `value` in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    single = builder.insert_element(undefined, value, INT(0))
    return builder.shuffle_vector(single, undefined, ir.Constant(INTS, [0] * LANES))


def _prefetch(builder: Any, address: Any) -> None:
    prefetch = ir.FunctionType(ir.VoidType(), [BYTES, INT, INT, INT])
    function = cgutils.get_or_insert_function(builder.module, prefetch, "llvm.prefetch.p0")
    builder.call(function, [address, INT(0), INT(2), INT(1)])  # for reading, into L2, data cache


def call_vector(builder: Any, name: str, vector: Any, *values: Any) -> Any:
    """Call an LLVM intrinsic of three vectors."""
    function = ir.FunctionType(vector, [vector] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, function, name), values)


_float32_loop, _float16_loop = _float_loop(FLOAT32), _float_loop(FLOAT16)
_bfloat16_loop = _float_loop(BFLOAT16)

# One function per dtype: inlined between other loops, LLVM spilled the sums to memory, and
# attention was ten times slower. At module level, because numba does not cache a function that
# another function creates, and compiled it at every start.


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
    """Bytes of one element of the dtype code `kind`."""
    return 4 if kind == FLOAT32 else 2


@jit
def float_microkernel(kind, rows, weights, x, x_stride, y, y_stride, inputs):
    """y = x Wᵀ in float32 for a tile of `rows` rows; weights of the dtype code `kind`. Strides in
    floats."""
    if kind == FLOAT32:
        _float32_tile(rows, weights, x, x_stride, y, y_stride, inputs)
    elif kind == FLOAT16:
        _float16_tile(rows, weights, x, x_stride, y, y_stride, inputs)
    else:
        _bfloat16_tile(rows, weights, x, x_stride, y, y_stride, inputs)
