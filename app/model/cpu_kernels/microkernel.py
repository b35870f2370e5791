"""Emits GEMM micro-kernels: a tile of a few rows times one panel of weights.

They are emitted as LLVM vector instructions, because the auto-vectorizer does not produce these
loops. Every sum runs over the inputs in order, so a row's bits do not depend on how many rows the
tile has. Panel layout and register blocking follow Goto and van de Geijn, "Anatomy of
High-Performance Matrix Multiplication", 2008.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from app.model.cpu_kernels.instruction_sets import Blocking, InstructionSet
from app.model.cpu_kernels.intrinsics import BYTES, WORD

#: Output channels of a panel.
PANEL = 32
#: Floats of padding per row of a GEMM's input and output: with a power-of-two stride all rows
#: are in the same L1 cache sets.
ROW_PADDING = 16

#: Prefetch distance of the weights in bytes: covers the memory's latency.
_PREFETCH_BYTES = 4096
_CACHE_LINE = 64

FLOAT, INT = ir.FloatType(), ir.IntType(32)


@dataclass(frozen=True, slots=True)
class Tile:
    """What the loop over a tile's inputs is emitted for: all rows, and `vectors` of the panel's
    output channels from `first` on."""

    isa: InstructionSet
    rows: int
    first: int
    vectors: int
    panel: Any  #: pointer to the panel's bytes
    x: list[Any]  #: pointers to the rows' bytes
    y: list[list[Any]]  #: pointers to the sums, [rows][vectors] of floats
    steps: Any  #: iterations: inputs, or groups of inputs

    @property
    def floats(self) -> Any:
        """A vector of float32."""
        return ir.VectorType(FLOAT, self.isa.lanes)

    @property
    def ints(self) -> Any:
        """A vector of int32."""
        return ir.VectorType(INT, self.isa.lanes)

    def broadcast(self, builder: Any, row: int, offset: Any, vector: Any) -> Any:
        """A vector with x[row] at an offset in bytes, 32 bits, in every lane."""
        address = builder.gep(self.x[row], [offset])
        value = builder.load(builder.bitcast(address, vector.element.as_pointer()), align=4)
        undefined = ir.Constant(vector, ir.Undefined)
        single = builder.insert_element(undefined, value, INT(0))
        lanes = ir.Constant(ir.VectorType(INT, vector.count), [0] * vector.count)
        return builder.shuffle_vector(single, undefined, lanes)

    def load(self, builder: Any, offset: Any, vector: Any) -> Any:
        """A vector of the panel's bytes at an offset in bytes."""
        address = builder.bitcast(builder.gep(self.panel, [offset]), vector.as_pointer())
        return builder.load(address, align=2)

    def prefetch(self, builder: Any, offset: Any, size: int) -> None:
        """Prefetch as many bytes of weights as an iteration reads, once per panel."""
        if self.first:
            return
        for line in range(0, size, _CACHE_LINE):
            address = builder.gep(self.panel, [builder.add(offset, WORD(_PREFETCH_BYTES + line))])
            # for reading, into L2, data cache
            flags = (INT(0), INT(2), INT(1))
            function = ir.FunctionType(ir.VoidType(), [BYTES, INT, INT, INT])
            prefetch = cgutils.get_or_insert_function(builder.module, function, "llvm.prefetch.p0")
            builder.call(prefetch, [address, *flags])


EmitTile = Callable[[Any, Tile], None]
EmitBody = Callable[[Any, list[Any]], list[Any]]


def microkernel(isa: InstructionSet, blocking: Blocking, emit_tile: EmitTile) -> Any:
    """An intrinsic (rows, panel, x, x_stride, y, y_stride, steps), all int64, with a loop for each
    row count up to `blocking.rows`. Addresses, strides in bytes; steps: see `Tile`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rows, *rest = args
        end = builder.append_basic_block("end")
        switch = builder.switch(rows, end)
        for count in range(1, blocking.rows + 1):
            block = builder.append_basic_block(f"rows{count}")
            switch.add_case(ir.Constant(WORD, count), block)
            builder.position_at_end(block)
            _passes(builder, isa, blocking.sums, count, emit_tile, *rest)
            builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    @intrinsic
    def body(typing, rows, panel, x, x_stride, y, y_stride, steps):
        return types.void(*[types.int64] * 7), emit

    return body


def _passes(
    builder: Any,
    isa: InstructionSet,
    sums: int,
    rows: int,
    emit_tile: EmitTile,
    panel: Any,
    x: Any,
    x_stride: Any,
    y: Any,
    y_stride: Any,
    steps: Any,
) -> None:
    """Emit the loops over all inputs for `rows` rows: one for as many vectors of output channels
    as fit the registers, then the next."""
    whole = PANEL // isa.lanes
    vectors = next(count for count in (4, 2, 1) if count <= whole and count * rows <= sums)
    first_x, first_y = builder.inttoptr(x, BYTES), builder.inttoptr(y, BYTES)
    sources = [builder.gep(first_x, [builder.mul(x_stride, WORD(row))]) for row in range(rows)]
    targets = [builder.gep(first_y, [builder.mul(y_stride, WORD(row))]) for row in range(rows)]
    panel = builder.inttoptr(panel, BYTES)
    floats = ir.VectorType(FLOAT, isa.lanes).as_pointer()
    for first in range(0, PANEL, vectors * isa.lanes):
        columns = range(first, first + vectors * isa.lanes, isa.lanes)
        y_vectors = [
            [builder.bitcast(builder.gep(row, [WORD(4 * column)]), floats) for column in columns]
            for row in targets
        ]
        emit_tile(builder, Tile(isa, rows, first, vectors, panel, sources, y_vectors, steps))


def emit_loop(builder: Any, steps: Any, initial: list[Any], emit_body: EmitBody) -> list[Any]:
    """Emit a loop of `steps` iterations, at least one. emit_body(index, carried) emits the body
    and returns the values for the next iteration; `initial` are those of the first. Returns the
    last iteration's."""
    before, loop = builder.block, builder.append_basic_block("loop")
    builder.branch(loop)
    builder.position_at_end(loop)
    index = builder.phi(WORD)
    index.add_incoming(WORD(0), before)
    carried = [builder.phi(value.type) for value in initial]
    for phi, value in zip(carried, initial, strict=True):
        phi.add_incoming(value, before)
    results = emit_body(index, carried)
    following = builder.add(index, WORD(1))
    index.add_incoming(following, loop)
    for phi, value in zip(carried, results, strict=True):
        phi.add_incoming(value, loop)
    done = builder.append_basic_block("done")
    builder.cbranch(builder.icmp_signed("<", following, steps), loop, done)
    builder.position_at_end(done)
    return results
