"""The requests that have a thread, so that an exit can let their responses end."""

from __future__ import annotations

import threading


class RunningRequests:
    """Counts requests while they run. Any thread may call every method."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._closed = False

    def begin(self) -> bool:
        """Count one more. False: none may begin any more."""
        with self._changed:
            if self._closed:
                return False
            self._count += 1
            return True

    def end(self) -> None:
        """Count one less; for each `begin` that returned True."""
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def close(self, timeout_s: float) -> bool:
        """Let no more begin, and wait until the last has ended. False after `timeout_s`."""
        with self._changed:
            self._closed = True
            return self._changed.wait_for(lambda: self._count == 0, timeout_s)
