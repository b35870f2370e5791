"""Shows how much of the weights is loaded: a bar on a terminal, else a line in the log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

log = logging.getLogger(__name__)

#: Called with the bytes loaded and the total.
Report = Callable[[int, int], None]

#: Seconds between two lines in the log.
LOG_EVERY_S = 5.0


@contextmanager
def loading_progress() -> Iterator[Report]:
    """Shows the progress that is reported inside: bytes, and the time left."""
    if not sys.stderr.isatty():
        yield _LogLines().report
        return
    with tqdm(desc="Loading weights", unit="B", unit_scale=True, leave=False) as bar:

        def report(done: int, total: int) -> None:
            if bar.total != total:
                bar.reset(total)
            bar.update(done - bar.n)

        yield report


class _LogLines:
    """A line every LOG_EVERY_S seconds, beginning with the first report."""

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None  # when, and how much was loaded then
        self._last = 0.0

    def report(self, done: int, total: int) -> None:
        """Log it, if the last line is old enough."""
        now = time.monotonic()
        if self._began is None:
            self._began, self._last = (now, done), now
        first, loaded = self._began[0], done - self._began[1]
        if now - self._last < LOG_EVERY_S or not loaded or done == total:
            return
        self._last = now
        left_s = (now - first) / loaded * (total - done)
        log.info("loaded %.2f of %.2f GB of weights, %.0f s left", done / 1e9, total / 1e9, left_s)
