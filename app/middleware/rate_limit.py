"""How many requests one client may make in a time.

Knows nothing about who the clients are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.protocol.errors import RateLimited


class RateLimiter:
    """Counts requests in memory. Any thread may call."""

    def __init__(self, limits: Sequence[tuple[int, str]]) -> None:
        """allowed: (requests, "second", "minute", "hour" or "day"); all of them hold."""
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._latest_s = time.time()
        self._items = [parse(f"{count}/{unit}") for count, unit in limits]

    def check(self, client: str) -> None:
        """Count one request of `client`. Raises RateLimited when it is one too many."""
        self._reset_after_clock_change()
        # All are looked at before any counts: what is refused takes nothing. Between the two
        # another thread may have taken the last.
        for has_quota in (self._limiter.test, self._limiter.hit):
            for item in self._items:
                if not has_quota(item, client):
                    raise self._error(item, client)

    def _reset_after_clock_change(self) -> None:
        """The library counts by the wall clock. Where that was set back, what it has counted
        lies in the future and would be held against clients until then."""
        now_s = time.time()
        if now_s < self._latest_s - 1:
            self._storage.reset()
        self._latest_s = now_s

    def _error(self, item: RateLimitItem, client: str) -> RateLimited:
        left_s = self._limiter.get_window_stats(item, client).reset_time - time.time()
        wait_s = min(max(1, math.ceil(left_s)), item.get_expiry())
        return RateLimited(
            f"You may make {item.amount} requests a {item.GRANULARITY.name}; "
            f"try again in {wait_s} s",
            wait_s,
        )
