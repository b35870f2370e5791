"""The GEMM micro-kernel of 8-bit weights and inputs with a scale per group of 32 inputs.

A group's products are summed exactly in int32; the groups' sums are multiplied by both scales and
added in float32, in order. The blocks are those of llama.cpp's Q8_0, on both sides.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from app.model.cpu_kernels.float_microkernel import bfloat16_to_float
from app.model.cpu_kernels.instruction_sets import call, selected
from app.model.cpu_kernels.intrinsics import WORD
from app.model.cpu_kernels.jit import jit
from app.model.cpu_kernels.microkernel import PANEL, Tile, emit_loop, microkernel

#: Inputs that share a scale.
GROUP = 32
_QUADS = GROUP // 4  # four inputs are multiplied by one instruction

#: A group of a panel: PANEL scales in bfloat16, then [GROUP / 4, PANEL, 4] weights.
SCALE_BYTES = 2 * PANEL
PANEL_GROUP_BYTES = SCALE_BYTES + GROUP * PANEL
#: A group of an input row: GROUP int8, its scale in float32, and in int32 what corrects the sums
#: for the weights' zero point: -zero_point * the sum of its integers.
INPUT_SCALE, INPUT_CORRECTION, INPUT_GROUP_BYTES = GROUP, GROUP + 4, GROUP + 8

_ISA = selected()
#: Most rows of a tile.
MAX_INT8_TILE_ROWS = _ISA.int8_blocking.rows
#: Added to stored weights.
ZERO_POINT = _ISA.zero_point


def int8_loops(isa: Any) -> Any:
    """A micro-kernel, see `microkernel.microkernel`; its steps are groups of inputs."""
    return microkernel(isa, isa.int8_blocking, _emit_tile)


def _emit_tile(builder: Any, tile: Tile) -> None:
    for row in tile.y:
        for address in row:
            builder.store(ir.Constant(tile.floats, None), address, align=4)

    # The sums of floats are in y: with them, those of integers would not fit the registers.
    def emit_body(group: Any, _: list[Any]) -> list[Any]:
        weights = builder.mul(group, WORD(PANEL_GROUP_BYTES))
        inputs = builder.mul(group, WORD(INPUT_GROUP_BYTES))
        tile.prefetch(builder, weights, PANEL_GROUP_BYTES)
        _emit_fold(builder, tile, weights, inputs, _emit_dots(builder, tile, weights, inputs))
        return []

    emit_loop(builder, tile.steps, [], emit_body)


def _emit_dots(builder: Any, tile: Tile, weights: Any, inputs: Any) -> list[list[Any]]:
    """The exact sums of a group, int32 [rows][vectors]. weights, inputs: offsets of the group."""
    sums = []
    for row in range(tile.rows):
        start = ir.Constant(tile.ints, None)
        if tile.isa.zero_point:
            offset = builder.add(inputs, WORD(INPUT_CORRECTION))
            start = tile.broadcast(builder, row, offset, tile.ints)
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


def _emit_fold(builder: Any, tile: Tile, weights: Any, inputs: Any, sums: list[list[Any]]) -> None:
    """y += sums * (scales of the weights * scale of the input)."""
    scales = [
        bfloat16_to_float(
            builder,
            tile,
            builder.add(weights, WORD(2 * (tile.first + vector * tile.isa.lanes))),
        )
        for vector in range(tile.vectors)
    ]
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


_int8_loops = int8_loops(_ISA)


@jit
def int8_microkernel(rows, weights, x, x_stride, y, y_stride, groups):
    """y = x Wᵀ in float32 for a tile of `rows` rows. Strides in bytes."""
    _int8_loops(rows, weights, x, x_stride, y, y_stride, groups)
