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
LARGE = 1 << 18
#: So many at once, or one thing that has more; so many may wait, and so long.
AT_ONCE = 1 << 20
WAITING = 96 << 20
PATIENCE_S = 60.0
#: When memory is given back after the last of them.
RETURN_AFTER_S = (0.5, 5.0)


class FewPlaces:
    """Any thread may ask for a place. First come, first served."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING) -> None:
        """Both in characters or bytes."""
        self._at_once, self._most_waiting = at_once, waiting
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._busy = self._waiting = 0

    @contextmanager
    def place(self, size: int) -> Iterator[None]:
        """While the block runs, something of this size is worked on. What is small never waits.

        Raises:
            Overloaded: too much waits already, or its turn did not come in time.
        """
        if size < LARGE:
            yield
            return
        self._enter(size)
        try:
            yield
        finally:
            self._leave(size)

    def _enter(self, size: int) -> None:
        ticket = object()

        def may_begin() -> bool:
            fits = not self._busy or self._busy + size <= self._at_once
            return fits and self._queue[0] is ticket

        with self._changed:
            if self._waiting and self._waiting + size > self._most_waiting:
                raise Overloaded("Too many large requests wait already; try again in a moment")
            self._queue.append(ticket)
            self._waiting += size
            begins = self._changed.wait_for(may_begin, PATIENCE_S)
            self._queue.remove(ticket)
            self._waiting -= size
            self._busy += size if begins else 0
            self._changed.notify_all()
            if not begins:
                raise Overloaded("Large requests take too long now; try again in a moment")

    def _leave(self, size: int) -> None:
        with self._changed:
            self._busy -= size
            self._changed.notify_all()
            last = not self._busy and not self._queue
        if last:
            # What it led to, an answer of a million tokens perhaps, is gone a little later.
            for delay_s in RETURN_AFTER_S:
                timer = threading.Timer(delay_s, _return_memory)
                timer.daemon = True
                timer.start()


def _return_memory() -> None:
    """Libraries take memory in many small parts, which the C library would keep for itself."""
    gc.collect()  # requests are in cycles; short, for what was loaded is frozen
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)


#: Of this process: bodies to parse, and texts to turn into tokens.
parsing = FewPlaces()
encoding = FewPlaces()
