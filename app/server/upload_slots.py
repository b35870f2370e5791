"""Slots for requests too large to buffer: each holds a thread while its body arrives.

Used by the accept loop only; not thread-safe.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Generic

from app.server.pending_connections import C


class UploadSlots(Generic[C]):
    """A fixed number of slots, first come first served, with a limit per client and a timeout."""

    def __init__(self, slots: int, max_per_client: int, wait_timeout_s: float) -> None:
        """max_per_client: does not apply to proxies."""
        self._slots, self._max_per_client = slots, max_per_client
        self._wait_timeout_s = wait_timeout_s
        self._active: dict[C, None] = {}
        self._active_by_client: Counter[str] = Counter()
        self._queue: deque[C] = deque()

    def request(self, conn: C, start: Callable[[C], object]) -> None:
        """Call `start` with `conn`, now or when a slot becomes free."""
        conn.deadline = time.monotonic() + self._wait_timeout_s
        self._queue.append(conn)
        self._start_queued(start)

    def release(self, conn: C, start: Callable[[C], object]) -> None:
        """Free the slot of `conn`, if it has one, and start the next in the queue."""
        if conn not in self._active:
            return
        del self._active[conn]
        self._active_by_client[conn.client_id] -= 1
        if not self._active_by_client[conn.client_id]:
            del self._active_by_client[conn.client_id]
        self._start_queued(start)

    def expired(self) -> list[C]:
        """Remove from the queue, and return, those that waited for too long."""
        now, expired = time.monotonic(), []
        while self._queue and self._queue[0].deadline < now:
            expired.append(self._queue.popleft())
        return expired

    def _start_queued(self, start: Callable[[C], object]) -> None:
        skipped: list[C] = []
        while self._queue and len(self._active) < self._slots:
            conn = self._queue.popleft()
            if self._active_by_client[conn.client_id] >= self._max_per_client and not conn.is_proxy:
                skipped.append(conn)
                continue
            self._active[conn] = None
            self._active_by_client[conn.client_id] += 1
            start(conn)
        self._queue.extendleft(reversed(skipped))
