"""The vector instructions that the GEMM micro-kernels use, one record per instruction set.

Every set gives the same bits: 8-bit products are summed exactly in int32, and each float sum runs
over its inputs in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from app.checkpoint.hardware.cpu_features import instruction_set, missing_feature

#: Emits total + the dot products of four 8-bit weights and inputs for each int32 lane; called with
#: (builder, total, weights, inputs), all vectors of int32.
EmitDot = Callable[[Any, Any, Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Blocking:
    """Register blocking of a micro-kernel."""

    rows: int  #: most rows of a tile
    sums: int  #: vectors of sums that fit the registers beside weights, inputs and temporaries


@dataclass(frozen=True, slots=True)
class NibbleDot:
    """How a group's products of 4-bit weights and 8-bit inputs are summed. The weights are
    unsigned, so few instructions do it; sums without VNNI stay in 16 bits: those of a group of 32
    are at most 8 * 2 * 15 * 127."""

    zero: Any  #: a vector of sums to begin with
    add: EmitDot  #: adds four products to each lane of the sums
    total: Callable[[Any, Any], Any]  #: (builder, sums) to int32 in every lane


@dataclass(frozen=True, slots=True)
class InstructionSet:
    """Vector width, register blocking and the 8-bit dot product of a kind of CPU."""

    lanes: int  #: float32 or int32 elements of a vector
    float_blocking: Blocking
    int8_blocking: Blocking
    #: Added to 8-bit weights where the dot product takes them unsigned, else 0.
    zero_point: int
    dot: EmitDot
    nibble_dot: NibbleDot


def call(builder: Any, name: str, result: Any, *values: Any) -> Any:
    """Call an LLVM intrinsic."""
    function = ir.FunctionType(result, [value.type for value in values])
    return builder.call(cgutils.get_or_insert_function(builder.module, function, name), values)


def _vpdpbusd(bits: int) -> EmitDot:
    """One instruction of VNNI: unsigned weights, signed inputs."""

    def emit(builder: Any, total: Any, weights: Any, inputs: Any) -> Any:
        name = f"llvm.x86.avx512.vpdpbusd.{bits}"
        return call(builder, name, total.type, total, weights, inputs)

    return emit


def _vpmaddubsw(bits: int, pairs: str, quads: str) -> EmitDot:
    """Without VNNI: |weights| times the inputs with the weights' signs. A pair's sum is at most
    2 * 127 * 127, so vpmaddubsw does not saturate. `pairs` and `quads`: LLVM's names of
    vpmaddubsw and vpmaddwd."""
    bytes_ = ir.VectorType(ir.IntType(8), bits // 8)
    shorts = ir.VectorType(ir.IntType(16), bits // 16)

    def emit(builder: Any, total: Any, weights: Any, inputs: Any) -> Any:
        weights, inputs = builder.bitcast(weights, bytes_), builder.bitcast(inputs, bytes_)
        magnitude = call(builder, f"llvm.abs.v{bits // 8}i8", bytes_, weights, ir.IntType(1)(0))
        if bits == 256:
            signed = call(builder, "llvm.x86.avx2.psign.b", bytes_, inputs, weights)
        else:  # AVX-512 has no vpsignb
            negative = builder.icmp_signed("<", weights, ir.Constant(bytes_, None))
            signed = builder.select(negative, builder.neg(inputs), inputs)
        sums = call(builder, pairs, shorts, magnitude, signed)
        ones = ir.Constant(shorts, [1] * (bits // 16))
        return builder.add(total, call(builder, quads, total.type, sums, ones))

    return emit


def _vnni_nibble_dot(bits: int) -> NibbleDot:
    zero = ir.Constant(ir.VectorType(ir.IntType(32), bits // 32), None)
    return NibbleDot(zero, _vpdpbusd(bits), lambda builder, sums: sums)


def _nibble_dot(bits: int, pairs: str, quads: str) -> NibbleDot:
    """Without VNNI; names as in `_vpmaddubsw`."""
    bytes_ = ir.VectorType(ir.IntType(8), bits // 8)
    shorts = ir.VectorType(ir.IntType(16), bits // 16)
    ints = ir.VectorType(ir.IntType(32), bits // 32)

    def add(builder: Any, sums: Any, weights: Any, inputs: Any) -> Any:
        weights, inputs = builder.bitcast(weights, bytes_), builder.bitcast(inputs, bytes_)
        return builder.add(sums, call(builder, pairs, shorts, weights, inputs))

    def total(builder: Any, sums: Any) -> Any:
        return call(builder, quads, ints, sums, ir.Constant(shorts, [1] * (bits // 16)))

    return NibbleDot(ir.Constant(shorts, None), add, total)


#: LLVM's names of vpmaddubsw and vpmaddwd.
_MADD_512 = ("llvm.x86.avx512.pmaddubs.w.512", "llvm.x86.avx512.pmaddw.d.512")
_MADD_256 = ("llvm.x86.avx2.pmadd.ub.sw", "llvm.x86.avx2.pmadd.wd")

#: By the names of cpu_features.INSTRUCTION_SETS.
INSTRUCTION_SETS = {
    "AVX-512 VNNI": InstructionSet(
        lanes=16,
        float_blocking=Blocking(12, 24),
        int8_blocking=Blocking(12, 24),
        zero_point=128,
        dot=_vpdpbusd(512),
        nibble_dot=_vnni_nibble_dot(512),
    ),
    "AVX-512": InstructionSet(
        lanes=16,
        float_blocking=Blocking(12, 24),
        int8_blocking=Blocking(10, 20),
        zero_point=0,
        dot=_vpmaddubsw(512, *_MADD_512),
        nibble_dot=_nibble_dot(512, *_MADD_512),
    ),
    "AVX-VNNI": InstructionSet(
        lanes=8,
        float_blocking=Blocking(6, 12),
        int8_blocking=Blocking(12, 12),
        zero_point=128,
        dot=_vpdpbusd(256),
        nibble_dot=_vnni_nibble_dot(256),
    ),
    "AVX2": InstructionSet(
        lanes=8,
        float_blocking=Blocking(6, 12),
        int8_blocking=Blocking(10, 10),
        zero_point=0,
        dot=_vpmaddubsw(256, *_MADD_256),
        nibble_dot=_nibble_dot(256, *_MADD_256),
    ),
}


def selected() -> InstructionSet:
    """The best set that this CPU has.

    Raises:
        ImportError: it has none of them.
    """
    name = instruction_set()
    if name is None:
        raise ImportError(f"this CPU has no {missing_feature()}", name=__name__)
    return INSTRUCTION_SETS[name]
