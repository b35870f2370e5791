"""Limits of the worker process: open files, malloc arenas, the interpreter's switch interval."""

from __future__ import annotations

import ctypes
import resource
import sys

#: Seconds a thread keeps the GIL while others wait for it (default 0.005). A short request takes
#: the GIL dozens of times, and waits each time for the threads that parse large requests.
SWITCH_INTERVAL_S = 0.001
_M_ARENA_MAX = -8  # from glibc's malloc.h


def set_process_limits() -> None:
    """Call before the first thread starts: later the limit of malloc arenas has no effect."""
    _raise_file_limit()
    _limit_malloc_arenas()
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def _raise_file_limit() -> None:
    """Raise the soft limit of open files, often 1,024, to the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            pass  # macOS reports "unlimited" but does not accept it: keep the soft limit


def _limit_malloc_arenas() -> None:
    """Use one malloc arena. glibc gives each thread its own and never returns the up to 64 MiB
    at the top of each: after sixteen large texts that is half a gigabyte."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
