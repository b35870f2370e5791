"""Few places for what is large: millions of characters to parse, or to turn into tokens.

Knows nothing about requests. Each takes seconds of a core and a multiple of its size in memory:
sixteen at once would take all of both from those that ask for little.
"""

from __future__ import annotations

import ctypes
import gc
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from app.engine.errors import Overloaded

#: Characters or bytes from which on something is large.
MIN_LIMITED_SIZE = 1 << 18
#: So many at once, or one thing that has more; so many may wait, and so long.
MAX_CONCURRENT = 1 << 20
MAX_QUEUED = 96 << 20
QUEUE_TIMEOUT_S = 60.0
#: When memory is given back after the last of them.
TRIM_DELAYS_S = (0.5, 5.0)


class WeightedSemaphore:
    """Any thread may ask for a place. First come, first served."""

    def __init__(self, capacity: int = MAX_CONCURRENT, max_queued: int = MAX_QUEUED) -> None:
        """Both in characters or bytes."""
        self._capacity, self._max_queued = capacity, max_queued
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._acquired = self._queued = 0

    @contextmanager
    def acquire(self, size: int) -> Iterator[None]:
        """While the block runs, something of this size is worked on. What is small never waits.

        Raises:
            Overloaded: too much waits already, or its turn did not come in time.
        """
        if size < MIN_LIMITED_SIZE:
            yield
            return
        self._acquire(size)
        try:
            yield
        finally:
            self._release(size)

    def _acquire(self, size: int) -> None:
        waiter = object()

        def can_acquire() -> bool:
            fits = not self._acquired or self._acquired + size <= self._capacity
            return fits and self._queue[0] is waiter

        with self._changed:
            if self._queued and self._queued + size > self._max_queued:
                raise Overloaded("Too many large requests wait already; try again in a moment")
            self._queue.append(waiter)
            self._queued += size
            acquired = self._changed.wait_for(can_acquire, QUEUE_TIMEOUT_S)
            self._queue.remove(waiter)
            self._queued -= size
            self._acquired += size if acquired else 0
            self._changed.notify_all()
            if not acquired:
                raise Overloaded("Large requests take too long now; try again in a moment")

    def _release(self, size: int) -> None:
        with self._changed:
            self._acquired -= size
            self._changed.notify_all()
            last = not self._acquired and not self._queue
        if last:
            # What it led to, an answer of a million tokens perhaps, is gone a little later.
            for delay_s in TRIM_DELAYS_S:
                timer = threading.Timer(delay_s, _trim_memory)
                timer.daemon = True
                timer.start()


def _trim_memory() -> None:
    """Libraries take memory in many small parts, which the C library would keep for itself."""
    gc.collect()  # requests are in cycles; short, for what was loaded is frozen
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)


#: Of this process: bodies to parse, and texts to turn into tokens.
parse_semaphore = WeightedSemaphore()
encode_semaphore = WeightedSemaphore()
