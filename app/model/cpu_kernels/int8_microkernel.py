"""The inner loop of a product of 8-bit integers, for CPUs with AVX-512 VNNI.

Knows nothing about scales. On any other CPU its instruction would end the compiler, and the
process with it.
"""

from __future__ import annotations

from typing import Any

from app.checkpoint.hardware.cpu_features import lacking
from app.model.cpu_kernels.jit import jit
from app.model.cpu_kernels.microkernel import INT, INTS, call_vector, loops

if missing := lacking(eight_bit=True):
    raise ImportError(f"8-bit kernels need {missing}, which this CPU has not", name=__name__)


def _byte_loop() -> Any:
    """The loops over bytes in groups of four (AVX-512 VNNI)."""

    def weights(builder: Any, place: Any) -> Any:
        return builder.load(builder.bitcast(place, INTS.as_pointer()), align=4)

    def multiply(builder: Any, x: Any, weight: Any, total: Any) -> Any:
        return call_vector(builder, "llvm.x86.avx512.vpdpbusd.512", INTS, total, x, weight)

    return loops(4, INT, INTS, weights, multiply)


_bytes_loop = _byte_loop()


@jit
def int8_microkernel(rows, weights, x, x_stride, y, y_stride, inputs):
    """Exact sums in int32. x: unsigned bytes, weights: signed, both in groups of four inputs;
    the stride and the number of inputs count groups."""
    _bytes_loop(rows, weights, x, x_stride, y, y_stride, inputs)
