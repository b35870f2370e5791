"""How many requests one client may make in a time.

Knows nothing about who the clients are.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.schemas.errors import RateLimited


class Rates:
    """Counts requests in memory. Any thread may call."""

    def __init__(self, allowed: Sequence[tuple[int, str]]) -> None:
        """allowed: (requests, "second", "minute", "hour" or "day"); all of them hold."""
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._items = [parse(f"{count}/{unit}") for count, unit in allowed]

    def take(self, client: str) -> None:
        """Count one request of `client`. Raises RateLimited when it is one too many."""
        for item in self._items:
            if not self._limiter.test(item, client):
                left = self._limiter.get_window_stats(item, client).reset_time - time.time()
                wait_s = min(max(1, math.ceil(left)), item.get_expiry())
                raise RateLimited(
                    f"You may make {item.amount} requests a {item.GRANULARITY.name}; "
                    f"try again in {wait_s} s",
                    wait_s,
                )
        for item in self._items:
            self._limiter.hit(item, client)
