"""How this room's functions are compiled: once per machine, kept on disk, without the GIL.

Knows nothing about what they compute. Sums may be re-ordered (a row's order is always its own);
not-a-number stays what it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from numba import cfunc, njit, types

log = logging.getLogger(__name__)

_FAST = {"reassoc", "contract", "arcp", "nsz", "afn"}


def _can_be_kept() -> bool:
    """Whether numba finds a folder for machine code: beside this file, in the user's cache, or
    where NUMBA_CACHE_DIR says. Without one, every start compiles anew: some 15 seconds."""
    try:
        njit(cache=True)(_can_be_kept)
    except RuntimeError:
        log.warning("compiled kernels cannot be kept: set NUMBA_CACHE_DIR to a writable folder")
        return False
    return True


_OPTIONS: dict[str, Any] = {
    "cache": _can_be_kept(),
    "fastmath": _FAST,
    "boundscheck": False,
    "error_model": "numpy",
}

#: A function called by kernels.
inner = njit(nogil=True, **_OPTIONS)
#: kernel(job, counter, thread): the job's address, the address of the counter that its items are
#: taken from, and the number of the calling thread.
kernel: Callable[[Any], Any] = cfunc(types.void(types.int64, types.int64, types.int64), **_OPTIONS)
#: main(program), run by every thread of a team.
main: Callable[[Any], Any] = cfunc(types.void(types.int64), **_OPTIONS)
