"""The GEMM micro-kernel of 8-bit weights and inputs with a scale per group of 32 inputs.

A group's products are summed exactly in int32; the groups' sums are multiplied by both scales and
added in float32, in order. The blocks are those of llama.cpp's Q8_0, on both sides.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from llvmlite import ir

from app.model.cpu_kernels.float_microkernel import BFLOAT16, load_weights
from app.model.cpu_kernels.instruction_sets import call, selected
from app.model.cpu_kernels.intrinsics import WORD
from app.model.cpu_kernels.microkernel import PANEL, Tile, emit_loop, microkernel

#: Inputs that share a scale.
GROUP = 32
_QUADS = GROUP // 4  # four inputs are multiplied by one instruction

#: A group of a panel: PANEL scales in bfloat16 or float16, then [GROUP / 4, PANEL, 4] weights.
SCALE_BYTES = 2 * PANEL
PANEL_GROUP_BYTES = SCALE_BYTES + GROUP * PANEL
#: A group of an input row: GROUP int8, its scale in float32, and in int32 minus the sum of its
#: integers, which corrects the products for the weights' zero point.
INPUT_SCALE, INPUT_NEGATIVE_SUM, INPUT_GROUP_BYTES = GROUP, GROUP + 4, GROUP + 8

_ISA = selected()
#: Most rows of a tile.
MAX_INT8_TILE_ROWS = _ISA.int8_blocking.rows
#: Added to stored weights.
ZERO_POINT = _ISA.zero_point


def int8_loops(isa: Any, kind: int = BFLOAT16) -> Any:
    """A micro-kernel, see `microkernel.microkernel`; its steps are groups of inputs. kind: the
    dtype code of the weights' scales."""
    return microkernel(isa, isa.int8_blocking, partial(_emit_tile, kind))


def _emit_tile(kind: int, builder: Any, tile: Tile) -> None:
    for row in tile.y:
        for address in row:
            builder.store(ir.Constant(tile.floats, None), address, align=4)

    # The sums of floats are in y: with them, those of integers would not fit the registers.
    def emit_body(group: Any, _: list[Any]) -> list[Any]:
        weights = builder.mul(group, WORD(PANEL_GROUP_BYTES))
        inputs = builder.mul(group, WORD(INPUT_GROUP_BYTES))
        tile.prefetch(builder, weights, PANEL_GROUP_BYTES)
        # Scales before the products would take registers from them: 4 rows took 15 % longer.
        sums = _emit_dots(builder, tile, weights, inputs)
        scales = [_scales(builder, tile, weights, vector, kind) for vector in range(tile.vectors)]
        emit_fold(builder, tile, inputs, scales, sums)
        return []

    emit_loop(builder, tile.steps, [], emit_body)


def _emit_dots(builder: Any, tile: Tile, weights: Any, inputs: Any) -> list[list[Any]]:
    """The exact sums of a group, int32 [rows][vectors]. weights, inputs: offsets of the group."""
    sums = []
    for row in range(tile.rows):
        start = ir.Constant(tile.ints, None)
        if tile.isa.zero_point:
            zero_point = ir.Constant(tile.ints, [tile.isa.zero_point] * tile.isa.lanes)
            start = builder.mul(negative_sum(builder, tile, row, inputs), zero_point)
        sums.append([start] * tile.vectors)
    for quad in range(_QUADS):
        first = SCALE_BYTES + 4 * (quad * PANEL + tile.first)
        loaded = [
            tile.load(builder, builder.add(weights, WORD(first + 4 * vector * tile.isa.lanes)),
                      tile.ints)
            for vector in range(tile.vectors)
        ]  # fmt: skip
        for row in range(tile.rows):
            x = tile.broadcast(builder, row, builder.add(inputs, WORD(4 * quad)), tile.ints)
            for vector, weight in enumerate(loaded):
                sums[row][vector] = tile.isa.dot(builder, sums[row][vector], weight, x)
    return sums


def _scales(builder: Any, tile: Tile, weights: Any, vector: int, kind: int) -> Any:
    """A vector of a group's scales as float32."""
    offset = builder.add(weights, WORD(2 * (tile.first + vector * tile.isa.lanes)))
    return load_weights(builder, tile, offset, kind)


def negative_sum(builder: Any, tile: Tile, row: int, inputs: Any) -> Any:
    """Minus the sum of a row's integers in the group at `inputs`, in every lane."""
    offset = builder.add(inputs, WORD(INPUT_NEGATIVE_SUM))
    return tile.broadcast(builder, row, offset, tile.ints)


def emit_fold(
    builder: Any, tile: Tile, inputs: Any, scales: list[Any], sums: list[list[Any]]
) -> None:
    """y += sums * (scales of the weights * scale of the input); sums: int32 [rows][vectors]."""
    fma = f"llvm.fma.v{tile.isa.lanes}f32"
    for row in range(tile.rows):
        offset = builder.add(inputs, WORD(INPUT_SCALE))
        x_scale = tile.broadcast(builder, row, offset, tile.floats)
        for scale, address, total in zip(scales, tile.y[row], sums[row], strict=True):
            factor = builder.fmul(scale, x_scale)
            before = builder.load(address, align=4)
            exact = builder.sitofp(total, tile.floats)
            after = call(builder, fma, tile.floats, exact, factor, before)
            builder.store(after, address, align=4)
