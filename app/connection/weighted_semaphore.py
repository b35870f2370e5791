"""Limits how much large input is parsed or tokenized at the same time.

Millions of characters take seconds of a core and a multiple of their size in memory; sixteen such
requests at once would slow down all small ones.
"""

from __future__ import annotations

import ctypes
import gc
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from app.engine.errors import Overloaded

#: In characters or bytes: smaller inputs are not limited.
MIN_LIMITED_SIZE = 1 << 18
#: Sum of the sizes in progress (one input may be larger), of the sizes waiting, and the time
#: one may wait.
MAX_CONCURRENT = 1 << 20
MAX_QUEUED = 96 << 20
QUEUE_TIMEOUT_S = 60.0
#: Seconds after the last one at which free memory is returned to the system.
TRIM_DELAYS_S = (0.5, 5.0)


class WeightedSemaphore:
    """A semaphore that counts sizes instead of holders. Fair (FIFO). Thread-safe."""

    def __init__(self, capacity: int = MAX_CONCURRENT, max_queued: int = MAX_QUEUED) -> None:
        """Both in the unit of `acquire`'s sizes."""
        self._capacity, self._max_queued = capacity, max_queued
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._acquired = self._queued = 0

    @contextmanager
    def acquire(self, size: int) -> Iterator[None]:
        """Hold `size` while the block runs. Sizes under MIN_LIMITED_SIZE never wait.

        Raises:
            Overloaded: too much is waiting already, or the wait timed out.
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
                raise Overloaded("Too many large requests are waiting; try again in a moment")
            self._queue.append(waiter)
            self._queued += size
            acquired = self._changed.wait_for(can_acquire, QUEUE_TIMEOUT_S)
            self._queue.remove(waiter)
            self._queued -= size
            self._acquired += size if acquired else 0
            self._changed.notify_all()
            if not acquired:
                raise Overloaded(
                    "The wait for other large requests timed out; try again in a moment"
                )

    def _release(self, size: int) -> None:
        with self._changed:
            self._acquired -= size
            self._changed.notify_all()
            last = not self._acquired and not self._queue
        if last:
            # Twice, because the request itself frees more a little later.
            for delay_s in TRIM_DELAYS_S:
                timer = threading.Timer(delay_s, _trim_memory)
                timer.daemon = True
                timer.start()


def _trim_memory() -> None:
    """Return free memory to the system: malloc keeps what many small allocations freed."""
    gc.collect()  # requests form cycles; quick, because the model's objects are frozen
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc only
    if trim is not None:
        trim(0)


#: Shared by all requests: one for parsing bodies, one for tokenizing texts.
parse_semaphore = WeightedSemaphore()
encode_semaphore = WeightedSemaphore()
