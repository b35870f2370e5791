"""Out-of-memory errors of every allocator become MemoryError."""

from __future__ import annotations

import pytest
import torch

from app.model.out_of_memory import raises_memory_error


@raises_memory_error
def allocate(size: int) -> int:
    return torch.empty(size, dtype=torch.uint8).numel()


@raises_memory_error
def fail(error: Exception) -> None:
    raise error


def test_the_cpus_allocator() -> None:
    assert allocate(10) == 10
    with pytest.raises(MemoryError, match="allocate"):
        allocate(2**60)
    assert allocate(10) == 10


def test_a_gpus_allocator() -> None:
    with pytest.raises(MemoryError, match="CUDA out of memory"):
        fail(torch.OutOfMemoryError("CUDA out of memory. Tried"))


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="device-side assert"):
        fail(RuntimeError("device-side assert"))
