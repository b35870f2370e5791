"""numba's options for the CPU kernels: cached on disk, without the GIL, with fused multiply-add.

LLVM must neither re-order sums nor replace divisions by approximations: results would depend on
the CPU's vector width and maker. So sums that are to be vectorized are emitted, see
`vector_sums.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import cfunc, config, njit, types

from app.checkpoint.hardware.cpu_features import llvm_features
from app.model.cpu_kernels.cache_directory import cache_directory

_FAST = {"contract", "nsz"}

# Compile for the features by which the kernels were selected (DISABLE_CPU_FEATURES included).
config.CPU_FEATURES = llvm_features()
config.CACHE_DIR = str(cache_directory() or "")
_OPTIONS: dict[str, Any] = {
    "cache": bool(config.CACHE_DIR),
    "fastmath": _FAST,
    "boundscheck": False,
    "error_model": "numpy",
}

#: Decorator of functions that kernels call.
jit = njit(nogil=True, **_OPTIONS)
#: Decorator of kernels. Arguments, all int64: the address of the job record, the address of the
#: counter from which threads claim work items, the calling thread's index, the thread count.
kernel: Callable[[Any], Any] = cfunc(types.void(*[types.int64] * 4), **_OPTIONS)
#: Decorator of micro-kernels that a GEMM job names by their address; arguments, all int64: see
#: `microkernel.microkernel`.
tile_kernel: Callable[[Any], Any] = cfunc(types.void(*[types.int64] * 7), **_OPTIONS)
#: Decorator of the function that every thread runs; its argument is a program's address.
thread_main: Callable[[Any], Any] = cfunc(types.void(types.int64), **_OPTIONS)
