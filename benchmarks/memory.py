"""The private memory of processes, watched while they work.

Knows nothing about what they do. Private is what no file backs: weights that are mapped from
their files cost nothing that the system could not take back.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

LOOK_EVERY_S = 0.1


def private_bytes(pid: int) -> int:
    """Of one process; 0 for one that is ending."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


class Peak(threading.Thread):
    """The most that processes together had while the block ran."""

    def __init__(self, pids: Callable[[], Iterable[int]] = lambda: (os.getpid(),)) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._pids = pids
        self._over = threading.Event()

    def __enter__(self) -> Peak:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        """Until the block ends."""
        while not self._over.wait(LOOK_EVERY_S):
            self.bytes = max(self.bytes, sum(map(private_bytes, self._pids())))
