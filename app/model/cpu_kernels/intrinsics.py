"""Single machine operations that compiled Python has no word for.

Knows nothing about models or threads. Each is an LLVM instruction (https://llvm.org/docs/LangRef.html).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WORD = ir.IntType(64)
BYTES = ir.IntType(8).as_pointer()


@intrinsic
def pointer(typing: Any, address: Any) -> Any:
    """An address as something `carray` takes."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], BYTES)

    return types.voidptr(types.int64), emit


def pointer_to(record: Any) -> Any:
    """A function from an address to a pointer at records of one type, which `carray` takes."""

    @intrinsic
    def typed(typing: Any, address: Any) -> Any:
        kind = types.CPointer(record)

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(kind))

        return kind(types.int64), emit

    return typed


@intrinsic
def fetch_add(typing: Any, counter: Any, count: Any) -> Any:
    """Add to the counter at an address, atomically; its value before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.inttoptr(args[0], WORD.as_pointer())
        return builder.atomic_rmw("add", place, args[1], "seq_cst")

    return types.int64(types.int64, types.int64), emit


@intrinsic
def load_acquire(typing: Any, counter: Any) -> Any:
    """The counter at an address, and all that was written before it was last added to."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = builder.inttoptr(args[0], WORD.as_pointer())
        return builder.load_atomic(place, "acquire", 8)

    return types.int64(types.int64), emit


@intrinsic
def call_kernel(
    typing: Any, function: Any, job: Any, counter: Any, thread: Any, num_threads: Any
) -> Any:
    """Call the kernel at an address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kernel = ir.FunctionType(ir.VoidType(), [WORD] * 4)
        target = builder.inttoptr(args[0], kernel.as_pointer())
        builder.call(target, args[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), emit


@intrinsic
def call_int_fn(typing: Any, function: Any) -> Any:
    """Call the C function `int f(void)` at an address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function_type = ir.FunctionType(ir.IntType(32), [])
        target = builder.inttoptr(args[0], function_type.as_pointer())
        return builder.sext(builder.call(target, []), WORD)

    return types.int64(types.int64), emit


@intrinsic
def bits_to_float(typing: Any, bits: Any) -> Any:
    """The float32 with these 32 bits."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), emit


@intrinsic
def float_to_half_bits(typing: Any, value: Any) -> Any:
    """The float16 nearest to a float32, as its bits."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(builder.fptrunc(args[0], ir.HalfType()), ir.IntType(16))

    return types.int16(types.float32), emit


@intrinsic
def maximum(typing: Any, one: Any, other: Any) -> Any:
    """The larger float32; not-a-number if either is. Unlike `max` it is one instruction."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        float32 = ir.FloatType()
        binary = ir.FunctionType(float32, [float32, float32])
        name = "llvm.maximum.f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, binary, name), args)

    return types.float32(types.float32, types.float32), emit


@intrinsic
def cpu_pause(typing: Any) -> Any:
    """Tell the core that this is a waiting loop, where it has a word for that."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if "x86_64" in builder.module.triple:
            pause = ir.FunctionType(ir.VoidType(), [])
            name = "llvm.x86.sse2.pause"
            builder.call(cgutils.get_or_insert_function(builder.module, pause, name), [])
        return context.get_dummy_value()

    return types.void(), emit
