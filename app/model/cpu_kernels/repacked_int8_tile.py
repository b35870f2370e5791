"""The compiled micro-kernel of 8-bit weights with float16 scales. Importing it compiles it."""

from __future__ import annotations

from app.model.cpu_kernels.float_microkernel import FLOAT16
from app.model.cpu_kernels.instruction_sets import selected
from app.model.cpu_kernels.int8_microkernel import int8_loops
from app.model.cpu_kernels.jit import tile_kernel

_loops = int8_loops(selected(), FLOAT16)


@tile_kernel
def repacked_int8_tile(rows, panel, x, x_stride, y, y_stride, groups):
    """As `int8_tile.int8_tile`."""
    _loops(rows, panel, x, x_stride, y, y_stride, groups)
