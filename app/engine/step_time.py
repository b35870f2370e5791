"""A model of a step's duration by its rows and their positions, learned from the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Rows between which the cost of another row may change: a few rows cost almost nothing more
#: while reading the weights takes longer than the products.
_KNOTS = (0, 4, 8, 16, 32, 64)
#: First guess before any deep step: positions that take as long to read as a step of one row,
#: and (row, position) pairs that take as long to compute.
_READ_PER_STEP, _ATTENDED_PER_STEP = 4096, 16384
#: Standard deviations, relative: of one step's duration, of a first guess, and by how much of
#: that a true value drifts from step to step.
_NOISE, _FIRST_GUESS, _DRIFT = 0.1, 0.5, 0.01
#: A step counts as at most so much longer or shorter than expected, so that a single slow one,
#: such as when another process took the CPU, changes little.
_MAX_SURPRISE = 0.5


@dataclass(frozen=True, slots=True)
class StepLoad:
    """What a step's duration depends on."""

    rows: int = 0
    read: int = 0  #: positions of the cache that its decode rows and prefill chunks read
    attended: int = 0  #: positions that its rows attend to, summed over the rows

    def plus(self, start: int, tokens: int) -> StepLoad:
        """With `tokens` consecutive tokens more, the first at position `start`."""
        attended = tokens * start + tokens * (tokens + 1) // 2
        return StepLoad(self.rows + tokens, self.read + start + tokens, self.attended + attended)

    def features(self) -> list[float]:
        """1, the rows between each two knots, read, attended [2 + knots + 1]."""
        ends = (*_KNOTS[1:], self.rows)
        between = (min(self.rows, end) - low for low, end in zip(_KNOTS, ends, strict=True))
        return [1.0, *(float(max(0, rows)) for rows in between), self.read, self.attended]


class StepTimeModel:
    """Linear in `StepLoad.features`, with coefficients that are never negative.

    Each step corrects them by recursive least squares (a Kalman filter whose state drifts
    slowly), on relative errors. Owned by the engine thread.
    """

    def __init__(self, points: Sequence[tuple[int, float]], learns: bool = True) -> None:
        """points: measured steps at position 0, pairs of (rows, seconds), both increasing;
        learns: False keeps the first coefficients."""
        self._learns = learns
        slopes = _slopes(points)
        rows, first_s = points[0]
        base = max(0.0, first_s - slopes[0] * rows)
        attention = [first_s / _READ_PER_STEP, first_s / _ATTENDED_PER_STEP]
        self._weights: list[float] = [base, *slopes, *(attention if learns else (0.0, 0.0))]
        typical = [first_s] + [points[-1][1] / points[-1][0]] * len(slopes) + attention
        deviations = _FIRST_GUESS * np.maximum(self._weights, typical)
        self._first_variance = deviations**2
        self._covariance = np.diag(self._first_variance)
        self._drift = np.diag(_DRIFT**2 * self._first_variance)

    def seconds(self, load: StepLoad) -> float:
        """Expected duration of a step."""
        return sum(w * x for w, x in zip(self._weights, load.features(), strict=True))

    def observe(self, load: StepLoad, seconds: float) -> None:
        """Learn from one step."""
        if not self._learns or not load.rows:
            return
        expected = max(self.seconds(load), 1e-9)
        surprise = min(max(seconds / expected - 1, -_MAX_SURPRISE), _MAX_SURPRISE)
        x = np.array(load.features()) / expected
        covariance = self._covariance
        projected = covariance @ x
        gain = projected / (x @ projected + _NOISE**2)
        self._weights = [max(0.0, w) for w in (self._weights + gain * surprise).tolist()]
        covariance = covariance - gain[:, None] * projected + self._drift
        # What no step shows stays as uncertain as at first.
        shrink = np.sqrt(np.minimum(1, self._first_variance / covariance.diagonal()))
        self._covariance = covariance * shrink * shrink[:, None]


def _slopes(points: Sequence[tuple[int, float]]) -> list[float]:
    """Seconds of another row between each two knots, from measured steps; beyond the largest
    one, in proportion to it."""
    rows, seconds = (list(column) for column in zip(*points, strict=True))
    ends = (*_KNOTS[1:], 2 * max(_KNOTS[-1], rows[-1]))
    rows.append(2 * ends[-1])
    seconds.append(seconds[-1] / rows[-2] * rows[-1])
    slopes = []
    for low, high in zip(_KNOTS, ends, strict=True):
        first = max(low, rows[0])
        before, after = np.interp([first, high], rows, seconds)
        slopes.append(float(after - before) / (high - first))
    return slopes


#: Without measurements: a few rows are cheap, and 16 tokens beside a row double its step.
UNTIMED = StepTimeModel(((1, 1.0), (17, 2.0)), learns=False)
