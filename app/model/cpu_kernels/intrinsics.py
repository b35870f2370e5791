"""numba intrinsics for LLVM instructions that Python has no syntax for: atomics, bit casts.

Reference: https://llvm.org/docs/LangRef.html.
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
    """An address as a void pointer, for numba's `carray`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], BYTES)

    return types.voidptr(types.int64), emit


def pointer_to(record: Any) -> Any:
    """Make an intrinsic that turns an address into a pointer to `record`, for `carray`."""

    @intrinsic
    def typed(typing: Any, address: Any) -> Any:
        pointer_type = types.CPointer(record)

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(pointer_type))

        return pointer_type(types.int64), emit

    return typed


@intrinsic
def fetch_add(typing: Any, counter: Any, count: Any) -> Any:
    """Atomically add to the int64 counter at an address; returns its value before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target = builder.inttoptr(args[0], WORD.as_pointer())
        return builder.atomic_rmw("add", target, args[1], "seq_cst")

    return types.int64(types.int64, types.int64), emit


@intrinsic
def compare_exchange(typing: Any, counter: Any, expected: Any, value: Any) -> Any:
    """Atomically set the int64 counter at an address to `value` if it is `expected`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target = builder.inttoptr(args[0], WORD.as_pointer())
        builder.cmpxchg(target, args[1], args[2], "seq_cst")
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), emit


@intrinsic
def load_acquire(typing: Any, counter: Any) -> Any:
    """Load the int64 counter at an address with acquire ordering: writes made before the last
    `fetch_add` to it are visible afterwards."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target = builder.inttoptr(args[0], WORD.as_pointer())
        return builder.load_atomic(target, "acquire", 8)

    return types.int64(types.int64), emit


@intrinsic
def call_kernel(
    typing: Any, function: Any, job: Any, counter: Any, thread: Any, num_threads: Any
) -> Any:
    """Call the kernel at an address with its four arguments, see `jit.kernel`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kernel = ir.FunctionType(ir.VoidType(), [WORD] * 4)
        target = builder.inttoptr(args[0], kernel.as_pointer())
        builder.call(target, args[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), emit


@intrinsic
def call_tile_kernel(
    typing: Any, function: Any, rows: Any, panel: Any, x: Any, x_stride: Any, y: Any,
    y_stride: Any, steps: Any,
) -> Any:  # fmt: skip
    """Call the micro-kernel at an address with its seven arguments, see `jit.tile_kernel`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        tile_kernel = ir.FunctionType(ir.VoidType(), [WORD] * 7)
        builder.call(builder.inttoptr(args[0], tile_kernel.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 8), emit


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
    """Reinterpret 32 bits as a float32."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.FloatType())

    return types.float32(types.int32), emit


@intrinsic
def float_to_half_bits(typing: Any, value: Any) -> Any:
    """Round a float32 to the nearest float16; returns its bits."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(builder.fptrunc(args[0], ir.HalfType()), ir.IntType(16))

    return types.int16(types.float32), emit


@intrinsic
def round_to_half(typing: Any, value: Any) -> Any:
    """The float16 nearest to a float32, as float32."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fpext(builder.fptrunc(args[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.float32), emit


@intrinsic
def fma(typing: Any, x: Any, y: Any, z: Any) -> Any:
    """x * y + z, rounded once."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        float32 = ir.FloatType()
        function = ir.FunctionType(float32, [float32] * 3)
        name = "llvm.fma.f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, function, name), args)

    return types.float32(types.float32, types.float32, types.float32), emit


@intrinsic
def maximum(typing: Any, one: Any, other: Any) -> Any:
    """The larger of two float32; NaN if either is NaN. Unlike Python's `max` it vectorizes."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        float32 = ir.FloatType()
        binary = ir.FunctionType(float32, [float32, float32])
        name = "llvm.maximum.f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, binary, name), args)

    return types.float32(types.float32, types.float32), emit


@intrinsic
def clamp(typing: Any, value: Any, low: Any, high: Any) -> Any:
    """A float32 limited to a range; `low` for NaN. Unlike Python's `min` and `max` it
    vectorizes, to one instruction each."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, low, high = args
        value = builder.select(builder.fcmp_ordered(">", value, low), value, low)
        return builder.select(builder.fcmp_ordered("<", value, high), value, high)

    return types.float32(types.float32, types.float32, types.float32), emit


@intrinsic
def cpu_pause(typing: Any) -> Any:
    """Emit PAUSE (x86) in a spin loop; a no-op elsewhere."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if "x86_64" in builder.module.triple:
            pause = ir.FunctionType(ir.VoidType(), [])
            name = "llvm.x86.sse2.pause"
            builder.call(cgutils.get_or_insert_function(builder.module, pause, name), [])
        return context.get_dummy_value()

    return types.void(), emit
