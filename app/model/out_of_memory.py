"""torch's ways to say that memory ran out, as Python's own: the engine knows no torch.

Knows nothing about who asked for the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")
#: What the CPU's allocator says; its error has no class of its own.
_ON_CPU = "can't allocate memory"


def raises_memory_error(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, raising MemoryError where it ran out of a device's memory or the machine's."""

    @wraps(function)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except RuntimeError as error:
            if not isinstance(error, torch.OutOfMemoryError) and _ON_CPU not in str(error):
                raise
            # Without the error, whose trace holds on to the tensors that did not fit.
            reason = str(error).splitlines()[0]
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise MemoryError(reason)

    return told
