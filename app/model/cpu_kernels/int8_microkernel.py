"""The GEMM micro-kernel of 8-bit integers, for CPUs with AVX-512 VNNI.

On any other CPU LLVM aborts on its instruction, and the process with it.
"""

from __future__ import annotations

from typing import Any

from app.checkpoint.hardware.cpu_features import missing_feature
from app.model.cpu_kernels.jit import jit
from app.model.cpu_kernels.microkernel import INT, INTS, call_vector, loops

if missing := missing_feature(eight_bit=True):
    raise ImportError(f"8-bit kernels need {missing}, which this CPU lacks", name=__name__)


def _int8_loops() -> Any:
    """Loops over 8-bit inputs in groups of four (vpdpbusd)."""

    def weights(builder: Any, address: Any) -> Any:
        return builder.load(builder.bitcast(address, INTS.as_pointer()), align=4)

    def multiply(builder: Any, x: Any, weight: Any, total: Any) -> Any:
        return call_vector(builder, "llvm.x86.avx512.vpdpbusd.512", INTS, total, x, weight)

    return loops(4, INT, INTS, weights, multiply)


_int8_loop = _int8_loops()


@jit
def int8_microkernel(rows, weights, x, x_stride, y, y_stride, inputs):
    """y = x Wᵀ in exact int32. x: uint8, weights: int8, both in groups of four inputs;
    x_stride and inputs count groups."""
    _int8_loop(rows, weights, x, x_stride, y, y_stride, inputs)
