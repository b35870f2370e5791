"""The compiled micro-kernel of 8-bit weights. Importing it compiles it."""

from __future__ import annotations

from app.model.cpu_kernels.instruction_sets import selected
from app.model.cpu_kernels.int8_microkernel import int8_loops
from app.model.cpu_kernels.jit import tile_kernel

_loops = int8_loops(selected())


@tile_kernel
def int8_tile(rows, panel, x, x_stride, y, y_stride, groups):
    """y = x Wᵀ in float32 for a tile of `rows` rows. Strides in bytes."""
    _loops(rows, panel, x, x_stride, y, y_stride, groups)
