"""Waits for conditions instead of sleeping, and limits of CPU time instead of wall time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

#: Long enough for a busy machine.
LIMIT_S = 30.0


def wait_until(
    probe: Callable[[], T],
    complaint: Callable[[], str] = lambda: "it never came true",
    limit_s: float = LIMIT_S,
    pause_s: float = 0.01,
) -> T:
    """Poll until `probe` returns something true, and return it.

    Raises:
        AssertionError: with `complaint()`, when that took longer than `limit_s`.
    """
    deadline = time.monotonic() + limit_s
    while True:
        result = probe()
        if result:
            return result
        assert time.monotonic() < deadline, f"after {limit_s:g} s: {complaint()}"
        time.sleep(pause_s)


@contextmanager
def cpu_limit(limit_s: float, of_children: bool = False) -> Iterator[None]:
    """Fail if the block takes more CPU time of this process, or of children that end in it.

    Other processes do not count. The limit is several times what the block takes: it catches
    work that grows with the square of its input, or an import of torch.
    """
    began = _cpu_s(of_children)
    yield
    used_s = _cpu_s(of_children) - began
    assert used_s < limit_s, f"{used_s:.2f} s of CPU time, and {limit_s:g} s are allowed"


def _cpu_s(of_children: bool) -> float:
    times = os.times()
    if of_children:
        return times.children_user + times.children_system
    return times.user + times.system
