"""The step times that are measured before the first request."""

from __future__ import annotations

import pytest
import torch

from app.engine.batch import Batch, StepResult
from app.engine.step_time import StepLoad
from app.model import step_profile
from app.model.step_profile import profile_steps


class TimedRunner:
    """Computes nothing, but takes time by the rows of a step."""

    slots = 64

    def __init__(self, row_s: float) -> None:
        self.row_s, self.now, self.sizes = row_s, 0.0, list[int]()

    def perf_counter(self) -> float:
        """The clock that `profile_steps` reads."""
        return self.now

    def run(self, batch: Batch) -> StepResult:
        self.now += self.row_s * batch.tokens
        self.sizes.append(batch.tokens)
        return StepResult(torch.zeros(batch.tokens, 8), (), ())

    def release(self, slot: int) -> None:
        """Nothing is held."""


@pytest.mark.parametrize(
    ("row_s", "sizes"),
    [(1e-4, {1, 4, 8, 16, 32, 64}), (0.04, {1, 4, 8}), (0.11, {1, 4}), (1.5, {1})],
)
def test_one_row_is_measured_however_long_it_takes(
    monkeypatch: pytest.MonkeyPatch, row_s: float, sizes: set[int]
) -> None:
    runner = TimedRunner(row_s)
    monkeypatch.setattr(step_profile, "time", runner)
    model = profile_steps(runner)  # type: ignore[arg-type]
    assert set(runner.sizes) == sizes
    assert model.seconds(StepLoad().plus(0, 1)) == pytest.approx(row_s, rel=0.3)


def test_long_steps_that_were_seen_are_not_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = TimedRunner(0.2)
    monkeypatch.setattr(step_profile, "time", runner)
    seen = [(1, 0.2), (15, 0.48), (7, 0.3)]
    model = profile_steps(runner, seen)  # type: ignore[arg-type]
    assert not runner.sizes
    for rows, seconds in seen:
        load = StepLoad()
        for _ in range(rows):
            load = load.plus(0, 1)
        assert model.seconds(load) == pytest.approx(seconds, rel=0.1)


def test_short_steps_that_were_seen_are_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = TimedRunner(0.001)
    monkeypatch.setattr(step_profile, "time", runner)
    profile_steps(runner, [(1, 0.05), (15, 0.05)])  # type: ignore[arg-type]
    assert set(runner.sizes) == {1, 4, 8, 16, 32, 64}
