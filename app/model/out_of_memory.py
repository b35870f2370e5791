"""Converts torch's out-of-memory errors to MemoryError, as the engine does not import torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")
#: Message of the CPU allocator's error, which is a plain RuntimeError.
_ON_CPU = "can't allocate memory"


def raises_memory_error(function: Callable[P, T]) -> Callable[P, T]:
    """Decorator: `function` raises MemoryError when it runs out of GPU or CPU memory."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except RuntimeError as error:
            if not isinstance(error, torch.OutOfMemoryError) and _ON_CPU not in str(error):
                raise
            # Drop the error: its traceback keeps references to the tensors.
            reason = str(error).splitlines()[0]
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise MemoryError(reason)

    return wrapper
