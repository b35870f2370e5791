"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Long enough for a machine that does other work beside the tests.
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
        found = probe()
        if found:
            return found
        assert time.monotonic() < deadline, f"after {limit_s:g} s: {complaint()}"
        time.sleep(pause_s)
