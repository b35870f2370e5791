"""Measures the step time of a loaded model by batch size, before the first request."""

from __future__ import annotations

import logging
import time

from app.engine.batch import Batch, DecodeRow, Runner
from app.engine.step_time import StepTimeModel

log = logging.getLogger(__name__)

#: Batch sizes to measure, up to the number of slots.
_SIZES = (1, 4, 8, 16, 32, 64)
#: After this time no other size is measured; one row is in any case.
_BUDGET_S = 0.3
#: A step as long as this is measured once: what disturbs it is short beside it.
_LONG_S = 0.1
#: Not measured where one row takes that long: reading the weights then takes longer than the
#: products of a few rows, so four rows would show little that is new.
_OMITTED_IF_LONG = 4


def profile_steps(runner: Runner) -> StepTimeModel:
    """The shortest of a few decode steps of each batch size, all at position 0. The runner
    must have run a step before: the first one also waits for page faults."""
    began = time.perf_counter()
    points: list[tuple[int, float]] = []
    for size in _SIZES:
        if size > runner.slots or (points and time.perf_counter() - began > _BUDGET_S):
            break
        if size == _OMITTED_IF_LONG and points[-1][1] >= _LONG_S:
            continue
        seconds = _step(runner, size)
        if seconds < _LONG_S:
            seconds = min(seconds, *(_step(runner, size) for _ in range(2 if size < 32 else 1)))
        longest = points[-1][1] if points else 0.0
        points.append((size, max(seconds, longest)))
    for slot in range(points[-1][0]):
        runner.release(slot)
    log.info("steps of %s", ", ".join(f"{n} rows: {1000 * t:.1f} ms" for n, t in points))
    return StepTimeModel(tuple(points))


def _step(runner: Runner, rows: int) -> float:
    """Seconds of one decode step."""
    batch = Batch(tuple(DecodeRow(slot, 0, 0, True) for slot in range(rows)), ())
    began = time.perf_counter()
    runner.run(batch).logits[0, 0].item()  # reading a result waits for the GPU
    return time.perf_counter() - began
