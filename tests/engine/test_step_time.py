"""The model of step durations: it learns rows and positions, and no single step misleads it."""

from __future__ import annotations

import random

import pytest

from app.engine.detokenizer import Detokenizer
from app.engine.prefill_budget import (
    MAX_PREFILL_TOKENS,
    MAX_SLOWDOWN,
    SMALL_CHUNK,
    PrefillBudget,
)
from app.engine.prefill_chunking import PrefillChunking
from app.engine.request_handle import RequestHandle
from app.engine.sequence import Sequence
from app.engine.step_time import StepLoad, StepTimeModel
from tests.engine.fakes import CHUNK
from tests.engine.stepped_engine import smollm2_seconds

PROFILE = ((1, 0.013), (4, 0.015), (16, 0.03), (64, 0.1))


def decode(rows: int, position: int) -> StepLoad:
    load = StepLoad()
    for _ in range(rows):
        load = load.plus(position, 1)
    return load


def learned(profile: tuple[tuple[int, float], ...], steps: int = 1500) -> StepTimeModel:
    """After random steps, each up to 5 % off."""
    model, rng = StepTimeModel(profile), random.Random(5)
    for _ in range(steps):
        load = decode(rng.choice([1, 2, 4, 8, 16]), rng.randrange(2000))
        if rng.random() < 0.5:
            load = load.plus(rng.randrange(8000), rng.randint(1, 40))
        model.observe(load, smollm2_seconds(load) * rng.uniform(0.95, 1.05))
    return model


@pytest.mark.parametrize("factor", [0.25, 1, 5])
def test_it_learns_rows_and_positions_whatever_the_profile_said(factor: float) -> None:
    model = learned(tuple((rows, factor * seconds) for rows, seconds in PROFILE))
    for load in (decode(2, 100), decode(16, 1000), decode(1, 0).plus(7900, 8), decode(4, 4000)):
        assert model.seconds(load) == pytest.approx(smollm2_seconds(load), rel=0.15)


def test_it_follows_a_machine_that_becomes_slower() -> None:
    model, load = learned(PROFILE), decode(4, 300)
    for _ in range(60):
        model.observe(load, 2 * smollm2_seconds(load))
    assert model.seconds(load) == pytest.approx(2 * smollm2_seconds(load), rel=0.15)


def test_one_slow_step_changes_little() -> None:
    model, load = learned(PROFILE), decode(4, 300)
    before = model.seconds(load)
    model.observe(load, 100 * before)
    assert model.seconds(load) < 1.2 * before


def test_without_learning_it_stays() -> None:
    model = StepTimeModel(PROFILE, learns=False)
    for rows, seconds in PROFILE:
        assert model.seconds(decode(rows, 0)) == pytest.approx(seconds, rel=0.1)
    before = model.seconds(decode(4, 0))
    model.observe(decode(4, 0), 9.0)
    assert model.seconds(decode(4, 0)) == before
    assert model.seconds(decode(256, 0)) == pytest.approx(0.4, rel=0.1), "in proportion"


def prompt_at(position: int, length: int = 8192) -> Sequence:
    handle, answer = RequestHandle(length, 1, lambda: None), Detokenizer((), (), False)
    return Sequence(
        handle, 0, [7] * length, length, detokenizer=answer, num_computed_tokens=position
    )


def test_the_budget_shrinks_with_depth() -> None:
    model = learned(PROFILE)
    chunking, taken = PrefillChunking(CHUNK, row_invariant=True), []
    for position in (0, 1000, 2000, 4000):
        budget = PrefillBudget(model, chunking)
        budget.start_step(decode(8, 100))
        taken.append(budget.take(prompt_at(position), is_first=True))
        assert model.seconds(budget.load) <= MAX_SLOWDOWN * model.seconds(decode(8, 100))
    assert taken == sorted(taken, reverse=True)
    assert taken[0] > 10 and taken[-1] >= SMALL_CHUNK


def test_where_nothing_fits_the_limit_holds_on_average() -> None:
    model, position, seconds = learned(PROFILE), 8000, 0.0
    budget = PrefillBudget(model, PrefillChunking(CHUNK, row_invariant=True))
    usual, steps = model.seconds(decode(1, 100)), 40
    for _ in range(steps):
        budget.start_step(decode(1, 100))
        if not budget.exhausted:
            position += budget.take(prompt_at(position), is_first=True)
        seconds += model.seconds(budget.load)
    assert position > 8000 + SMALL_CHUNK, "it goes on"
    assert seconds <= 1.1 * steps * MAX_SLOWDOWN * usual


def test_without_answers_there_is_no_limit_but_tokens() -> None:
    budget = PrefillBudget(StepTimeModel(PROFILE), PrefillChunking(CHUNK, row_invariant=False))
    budget.start_step(StepLoad())
    assert budget.take(prompt_at(0), is_first=True) == MAX_PREFILL_TOKENS
    assert budget.exhausted
