"""Measures the step time of a loaded model by batch size, before the first request."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from app.engine.batch import Batch, DecodeRow, Runner
from app.engine.step_time import StepTimeModel

log = logging.getLogger(__name__)

#: Batch sizes to measure, up to the number of slots.
_SIZES = (1, 4, 8, 16, 32, 64)
#: After this time no other size is measured; one row is in any case.
_BUDGET_S = 0.3
#: Steps as long as this are measured once: what disturbs them is short beside them.
_LONG_S = 0.1


def profile_steps(runner: Runner, seen: Sequence[tuple[int, float]] = ()) -> StepTimeModel:
    """The model of this runner's steps, from a few decode steps at position 0. The runner must
    have run a step before: the first one also waits for page faults.

    seen: (tokens, seconds) of steps computed already; where they are long, no other is.
    """
    points = sorted(seen) if dict(seen).get(1, 0.0) >= _LONG_S else _measure(runner)
    for at in range(1, len(points)):  # more rows never take less time
        points[at] = (points[at][0], max(points[at][1], points[at - 1][1]))
    log.info("steps of %s", ", ".join(f"{n} rows: {1000 * t:.1f} ms" for n, t in points))
    return StepTimeModel(points)


def _measure(runner: Runner) -> list[tuple[int, float]]:
    """Rows, and the shortest of a few steps of them."""
    began = time.perf_counter()
    points: list[tuple[int, float]] = []
    for size in _SIZES:
        if size > runner.slots or (points and time.perf_counter() - began > _BUDGET_S):
            break
        seconds = _step(runner, size)
        if seconds < _LONG_S:
            seconds = min(seconds, *(_step(runner, size) for _ in range(2 if size < 32 else 1)))
        points.append((size, seconds))
    for slot in range(points[-1][0]):
        runner.release(slot)
    return points


def _step(runner: Runner, rows: int) -> float:
    """Seconds of one decode step."""
    batch = Batch(tuple(DecodeRow(slot, 0, 0, True) for slot in range(rows)), ())
    began = time.perf_counter()
    runner.run(batch).logits[0, 0].item()  # reading a result waits for the GPU
    return time.perf_counter() - began
