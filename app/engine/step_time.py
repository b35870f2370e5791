"""How long a step takes by its number of rows, and so how many prompt tokens fit beside answers.

Knows nothing about what a step computes: it interpolates a few timed ones.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

#: How much longer than a step of answers alone one with prompt tokens may take.
MAX_STEP_SLOWDOWN = 2.0


@dataclass(frozen=True, slots=True)
class StepTimeModel:
    """Timed steps: pairs of rows and seconds, both growing."""

    points: Sequence[tuple[int, float]]

    def seconds(self, rows: int) -> float:
        """Of a step of so many rows; beyond the last timed one, in proportion."""
        sizes = [size for size, _ in self.points]
        at = bisect_left(sizes, rows)
        if at == len(sizes):
            size, time = self.points[-1]
            return time * rows / size
        size, time = self.points[at]
        if at == 0 or size == rows:
            return time
        before, earlier = self.points[at - 1]
        return earlier + (time - earlier) * (rows - before) / (size - before)

    def prefill_budget(self, rows: int, multiple: int, most: int) -> int:
        """Prompt tokens for a step with `rows` answers: a multiple, at least one, at most
        `most`, within the stretch."""
        limit = MAX_STEP_SLOWDOWN * self.seconds(rows)
        tokens = multiple
        while tokens + multiple <= most and self.seconds(rows + tokens + multiple) <= limit:
            tokens += multiple
        return tokens


#: Where nothing was timed: as if every row of a step cost the same.
UNTIMED = StepTimeModel(((1, 1.0),))
