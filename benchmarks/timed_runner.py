"""A runner that notes how long each step and each copy of a cache took.

Knows nothing about what is computed; all else is the wrapped runner's own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from app.engine.batch import Batch, Runner, StepResult


@dataclass(frozen=True, slots=True)
class Step:
    """One step."""

    rows: int
    chunks: int
    tokens: int  #: of rows and chunks together
    seconds: float


@dataclass(frozen=True, slots=True)
class Copy:
    """A cache's positions from `start` on, copied to another slot."""

    start: int
    seconds: float


class TimedRunner:
    """Implements `app.engine.batch.Runner`."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.steps: list[Step] = []
        self.copies: list[Copy] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def run(self, batch: Batch) -> StepResult:
        """Compute a batch."""
        began = time.perf_counter()
        result = self._runner.run(batch)
        seconds = time.perf_counter() - began
        self.steps.append(
            Step(len(batch.decode_rows), len(batch.prefill_chunks), batch.tokens, seconds)
        )
        return result

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Copy a cache."""
        began = time.perf_counter()
        self._runner.copy(source, target, start, end)
        self.copies.append(Copy(start, time.perf_counter() - began))

    def decode_steps(self, rows: int, since: int = 0) -> list[float]:
        """Seconds of the steps of just so many rows, without a prompt beside them; since: how
        many of the first steps do not count."""
        steps = self.steps[since:]
        return [step.seconds for step in steps if step.rows == rows and not step.chunks]
