"""The GEMM micro-kernel of float weights: sums in registers, one FMA per input, in order."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from app.model.cpu_kernels.instruction_sets import call, selected
from app.model.cpu_kernels.intrinsics import WORD
from app.model.cpu_kernels.jit import jit, tile_kernel
from app.model.cpu_kernels.microkernel import PANEL, Tile, emit_loop, microkernel

#: Dtype codes of weights.
FLOAT32, FLOAT16, BFLOAT16 = 0, 1, 2

_ISA = selected()
#: Most rows of a tile.
MAX_TILE_ROWS = _ISA.float_blocking.rows

_HALF, _SHORT = ir.HalfType(), ir.IntType(16)


def float_loops(isa: Any, kind: int) -> Any:
    """A micro-kernel of float32 inputs and weights of the dtype code `kind`, see
    `microkernel.microkernel`; its steps are inputs."""
    size = 4 if kind == FLOAT32 else 2

    def emit_tile(builder: Any, tile: Tile) -> None:
        floats, lanes = tile.floats, tile.isa.lanes
        columns = [tile.first + vector * lanes for vector in range(tile.vectors)]

        def emit_body(step: Any, sums: list[Any]) -> list[Any]:
            offset = builder.mul(step, WORD(PANEL * size))
            weights = [
                load_weights(builder, tile, builder.add(offset, WORD(column * size)), kind)
                for column in columns
            ]
            tile.prefetch(builder, offset, PANEL * size)
            results = []
            for row in range(tile.rows):
                x = tile.broadcast(builder, row, builder.mul(step, WORD(4)), floats)
                for vector, weight in enumerate(weights):
                    total = sums[row * tile.vectors + vector]
                    fma = f"llvm.fma.v{lanes}f32"
                    results.append(call(builder, fma, floats, x, weight, total))
            return results

        zero = ir.Constant(floats, None)
        results = emit_loop(builder, tile.steps, [zero] * (tile.rows * tile.vectors), emit_body)
        for row in range(tile.rows):
            for vector in range(tile.vectors):
                result = results[row * tile.vectors + vector]
                builder.store(result, tile.y[row][vector], align=4)

    return microkernel(isa, isa.float_blocking, emit_tile)


def load_weights(builder: Any, tile: Tile, offset: Any, kind: int) -> Any:
    """A vector of the panel's numbers with the dtype code `kind`, as float32."""
    lanes = tile.isa.lanes
    if kind == FLOAT32:
        return tile.load(builder, offset, tile.floats)
    if kind == FLOAT16:
        halves = tile.load(builder, offset, ir.VectorType(_HALF, lanes))
        return builder.fpext(halves, tile.floats)
    return _bfloat16_to_float(builder, tile, offset)


def _bfloat16_to_float(builder: Any, tile: Tile, offset: Any) -> Any:
    """A vector of the panel's bfloat16 as float32."""
    shorts = tile.load(builder, offset, ir.VectorType(_SHORT, tile.isa.lanes))
    shift = ir.Constant(tile.ints, [16] * tile.isa.lanes)
    return builder.bitcast(builder.shl(builder.zext(shorts, tile.ints), shift), tile.floats)


_float32_loops, _float16_loops = float_loops(_ISA, FLOAT32), float_loops(_ISA, FLOAT16)
_bfloat16_loops = float_loops(_ISA, BFLOAT16)

# One function per dtype: inlined between other loops, LLVM spilled the sums to memory, and
# attention was ten times slower. At module level, because numba does not cache a function that
# another function creates, and compiled it at every start.


@jit
def _float32_tile(rows, weights, x, x_stride, y, y_stride, inputs):
    _float32_loops(rows, weights, x, 4 * x_stride, y, 4 * y_stride, inputs)


@jit
def _float16_tile(rows, weights, x, x_stride, y, y_stride, inputs):
    _float16_loops(rows, weights, x, 4 * x_stride, y, 4 * y_stride, inputs)


@jit
def _bfloat16_tile(rows, weights, x, x_stride, y, y_stride, inputs):
    _bfloat16_loops(rows, weights, x, 4 * x_stride, y, 4 * y_stride, inputs)


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


@tile_kernel
def float32_tile(rows, panel, x, x_stride, y, y_stride, inputs):
    """y = x Wᵀ for a tile of `rows` rows; weights in float32. Strides in bytes."""
    _float32_loops(rows, panel, x, x_stride, y, y_stride, inputs)


@tile_kernel
def float16_tile(rows, panel, x, x_stride, y, y_stride, inputs):
    """As `float32_tile`; weights in float16."""
    _float16_loops(rows, panel, x, x_stride, y, y_stride, inputs)


@tile_kernel
def bfloat16_tile(rows, panel, x, x_stride, y, y_stride, inputs):
    """As `float32_tile`; weights in bfloat16."""
    _bfloat16_loops(rows, panel, x, x_stride, y, y_stride, inputs)
