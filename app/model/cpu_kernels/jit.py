"""How this room's functions are compiled: once per machine, kept on disk, without the GIL.

Knows nothing about what they compute. Sums may be re-ordered (a row's order is always its own);
not-a-number stays what it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import cfunc, config, njit, types

from app.checkpoint.hardware.cpu_features import for_compiler
from app.model.cpu_kernels.cache_directory import cache_directory

_FAST = {"reassoc", "contract", "arcp", "nsz", "afn"}

# The compiler reads the features that the choice of kernels has read, and both the same switch.
config.CPU_FEATURES = for_compiler()
config.CACHE_DIR = str(cache_directory() or "")
_OPTIONS: dict[str, Any] = {
    "cache": bool(config.CACHE_DIR),
    "fastmath": _FAST,
    "boundscheck": False,
    "error_model": "numpy",
}

#: A function called by kernels.
jit = njit(nogil=True, **_OPTIONS)
#: kernel(job, counter, thread, team): the job's address, the address of the counter that its
#: items are taken from, the number of the calling thread, and how many threads there are.
kernel: Callable[[Any], Any] = cfunc(types.void(*[types.int64] * 4), **_OPTIONS)
#: thread_thread_main(program), run by every thread of a team.
thread_main: Callable[[Any], Any] = cfunc(types.void(types.int64), **_OPTIONS)
