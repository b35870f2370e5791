"""Times steps of a loaded model, before it serves anybody.

Knows nothing about scheduling.
"""

from __future__ import annotations

import logging
import time

from app.engine.batch import Batch, DecodeRow, Runner
from app.engine.step_time import Pace

log = logging.getLogger(__name__)

#: Rows of the steps that are timed, as far as there are slots for them.
_SIZES = (1, 4, 8, 16, 32, 64)
#: No more steps are timed once they have taken this long in all.
_SECONDS = 2.0


def profile_steps(runner: Runner) -> Pace:
    """The shortest of up to three steps of each size, all at a context's beginning."""
    began = time.perf_counter()
    points: list[tuple[int, float]] = []
    _step(runner, 1)  # the first one touches memory for the first time
    for size in _SIZES:
        if size > runner.slots or time.perf_counter() - began > _SECONDS:
            break
        seconds = min(_step(runner, size) for _ in range(3 if size < 32 else 2))
        longest = points[-1][1] if points else 0.0
        points.append((size, max(seconds, longest)))
    for slot in range(points[-1][0]):
        runner.release(slot)
    log.info("steps of %s", ", ".join(f"{n} rows: {1000 * t:.1f} ms" for n, t in points))
    return Pace(tuple(points))


def _step(runner: Runner, rows: int) -> float:
    batch = Batch(tuple(DecodeRow(slot, 0, 0, True) for slot in range(rows)), ())
    began = time.perf_counter()
    runner.run(batch).logits[0, 0].item()  # a GPU's step ends when its result is read
    return time.perf_counter() - began
