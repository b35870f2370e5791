"""The GEMM micro-kernel of 4-bit weights, with a scale and a zero point per group of 32 inputs.

A weight is scale * (q - zero point), with q from 0 to 15. Inputs are those of the 8-bit kernel. A
group's products are summed exactly in int32, as in `int8_microkernel`; llama.cpp's Q4_0 is the
case in which every zero point is 8.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from app.model.cpu_kernels.instruction_sets import selected
from app.model.cpu_kernels.int8_microkernel import (
    GROUP,
    INPUT_GROUP_BYTES,
    emit_fold,
    negative_sum,
)
from app.model.cpu_kernels.intrinsics import WORD
from app.model.cpu_kernels.microkernel import PANEL, Tile, emit_loop, microkernel

#: A group of a panel: PANEL scales in float16; PANEL zero points, two a byte: output channels
#: `i` and `i + PANEL / 2`; then [GROUP / 8, PANEL, 4] bytes of two weights: inputs `i` and
#: `i + GROUP / 2`. The low four bits hold the first of two.
SCALE_BYTES, ZERO_BYTES = 2 * PANEL, PANEL // 2
WEIGHTS_AT = SCALE_BYTES + ZERO_BYTES
PANEL_GROUP_BYTES = WEIGHTS_AT + GROUP * PANEL // 2

_ISA = selected()
#: Most rows of a tile.
MAX_INT4_TILE_ROWS = _ISA.int8_blocking.rows
_BYTE, _SHORT, _HALF = ir.IntType(8), ir.IntType(16), ir.HalfType()


def int4_loops(isa: Any) -> Any:
    """A micro-kernel, see `microkernel.microkernel`; its steps are groups of inputs."""
    return microkernel(isa, isa.int8_blocking, _emit_tile)


def _emit_tile(builder: Any, tile: Tile) -> None:
    for row in tile.y:
        for address in row:
            builder.store(ir.Constant(tile.floats, None), address, align=4)

    def emit_body(group: Any, _: list[Any]) -> list[Any]:
        weights = builder.mul(group, WORD(PANEL_GROUP_BYTES))
        inputs = builder.mul(group, WORD(INPUT_GROUP_BYTES))
        tile.prefetch(builder, weights, PANEL_GROUP_BYTES)
        sums = _emit_dots(builder, tile, weights, inputs)
        scales = [_scales(builder, tile, weights, vector) for vector in range(tile.vectors)]
        emit_fold(builder, tile, inputs, scales, sums)
        return []

    emit_loop(builder, tile.steps, [], emit_body)


def _scales(builder: Any, tile: Tile, weights: Any, vector: int) -> Any:
    """A vector of a group's scales as float32."""
    offset = builder.add(weights, WORD(2 * (tile.first + vector * tile.isa.lanes)))
    halves = tile.load(builder, offset, ir.VectorType(_HALF, tile.isa.lanes))
    return builder.fpext(halves, tile.floats)


def _emit_dots(builder: Any, tile: Tile, weights: Any, inputs: Any) -> list[list[Any]]:
    """The exact sums of a group, int32 [rows][vectors]. weights, inputs: offsets of the group."""
    dot = tile.isa.nibble_dot
    sums = [[dot.zero] * tile.vectors for _ in range(tile.rows)]
    low = ir.Constant(tile.ints, [0x0F0F0F0F] * tile.isa.lanes)
    four = ir.Constant(tile.ints, [4] * tile.isa.lanes)
    for quad in range(GROUP // 8):
        first = WEIGHTS_AT + 4 * (quad * PANEL + tile.first)
        pairs = [
            tile.load(builder, builder.add(weights, WORD(first + 4 * vector * tile.isa.lanes)),
                      tile.ints)
            for vector in range(tile.vectors)
        ]  # fmt: skip
        halves = (
            [builder.and_(pair, low) for pair in pairs],
            [builder.and_(builder.lshr(pair, four), low) for pair in pairs],
        )
        for half, unpacked in enumerate(halves):
            at = builder.add(inputs, WORD(4 * quad + half * GROUP // 2))
            for row in range(tile.rows):
                x = tile.broadcast(builder, row, at, tile.ints)
                for vector, weight in enumerate(unpacked):
                    sums[row][vector] = dot.add(builder, sums[row][vector], weight, x)
    zeros = [_zero_points(builder, tile, weights, vector) for vector in range(tile.vectors)]
    for row in range(tile.rows):
        total = negative_sum(builder, tile, row, inputs)
        for vector, zero in enumerate(zeros):
            dots = dot.total(builder, sums[row][vector])
            sums[row][vector] = builder.add(dots, builder.mul(zero, total))
    return sums


def _zero_points(builder: Any, tile: Tile, weights: Any, vector: int) -> Any:
    """A vector of a group's zero points as int32."""
    channel = tile.first + vector * tile.isa.lanes
    high = channel >= PANEL // 2
    offset = builder.add(weights, WORD(SCALE_BYTES + channel % (PANEL // 2)))
    pairs = tile.load(builder, offset, ir.VectorType(_BYTE, tile.isa.lanes))
    pairs = builder.zext(pairs, tile.ints)
    if high:
        return builder.lshr(pairs, ir.Constant(tile.ints, [4] * tile.isa.lanes))
    return builder.and_(pairs, ir.Constant(tile.ints, [15] * tile.isa.lanes))
