"""Rate limits per client: a moving window, counted in memory."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.protocol.errors import RateLimited


class RateLimiter:
    """Thread-safe."""

    def __init__(self, limits: Sequence[tuple[int, str]]) -> None:
        """limits: (requests, "second", "minute", "hour" or "day"); all apply."""
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._latest_s = time.time()
        self._items = [parse(f"{count}/{unit}") for count, unit in limits]

    def check(self, client: str) -> None:
        """Count one request of `client`. Raises RateLimited if it exceeds a limit."""
        self._reset_after_clock_change()
        # Test all limits before counting, so that a rejected request counts against none. `hit`
        # can still fail: another thread may have used the last one in between.
        for has_quota in (self._limiter.test, self._limiter.hit):
            for item in self._items:
                if not has_quota(item, client):
                    raise self._error(item, client)

    def _reset_after_clock_change(self) -> None:
        """The library uses the wall clock. If that was set back, recorded requests lie in the
        future and would count against clients until then: forget them."""
        now_s = time.time()
        if now_s < self._latest_s - 1:
            self._storage.reset()
        self._latest_s = now_s

    def _error(self, item: RateLimitItem, client: str) -> RateLimited:
        remaining_s = self._limiter.get_window_stats(item, client).reset_time - time.time()
        wait_s = min(max(1, math.ceil(remaining_s)), item.get_expiry())
        return RateLimited(
            f"The rate limit is {item.amount} requests per {item.GRANULARITY.name}; "
            f"try again in {wait_s} s",
            wait_s,
        )
