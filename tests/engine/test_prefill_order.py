"""Prompts share a step: a short one does not wait for a long one, a long one is not starved,
and running answers slow down by no more than the limit."""

from __future__ import annotations

import pytest

from app.engine.prefill_budget import MAX_SLOWDOWN
from app.engine.request import Owner
from app.engine.step_time import StepLoad
from tests.engine.stepped_engine import (
    HEAVY,
    LIGHT,
    SteppedEngine,
    prompt_of,
    smollm2_seconds,
)

LONG = 6000


def engine_with_streams(streams: int, row_invariant: bool = True) -> SteppedEngine:
    """A machine with SmolLM2's step times; `streams` answers are running."""
    engine = SteppedEngine(
        row_invariant=row_invariant, positions=8192, step_seconds=smollm2_seconds
    )
    for salt in range(streams):
        engine.ask(HEAVY, prompt_of(30, salt), max_tokens=8000)
    for _ in range(50):
        engine.step()
    return engine


@pytest.mark.parametrize("row_invariant", [False, True])
@pytest.mark.parametrize("streams", [0, 2, 16])
@pytest.mark.parametrize("owner", [HEAVY, LIGHT])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_short_prompt_does_not_wait_for_a_long_one(
    owner: Owner, streams: int, row_invariant: bool, share: float
) -> None:
    """share: of the long prompt that is computed when the short one comes."""
    engine = engine_with_streams(streams, row_invariant)
    engine.ask(HEAVY, prompt_of(LONG, 77), max_tokens=5)
    engine.step()
    long = next(each for each in engine.core.scheduler.running if each.prompt_length == LONG)
    while long.num_computed_tokens < share * LONG:
        engine.step()
    assert engine.steps_to_first_token(owner, prompt_of(20, 99)) <= 30


@pytest.mark.parametrize("owner", [HEAVY, LIGHT])
def test_a_long_prompt_is_not_starved_by_short_ones(owner: Owner) -> None:
    """Ever more short ones come, as many as are computed."""
    steps = []
    for others in (False, True):
        engine = engine_with_streams(2)
        begin, long = engine.steps, engine.ask(HEAVY, prompt_of(1500, 77), max_tokens=5)
        salt = 100
        while long not in engine.first:
            if others and sum(not each.ended for each in engine.told) < 6:
                salt += 1
                engine.ask(owner, prompt_of(40, salt), max_tokens=1)
            engine.step()
        steps.append(engine.first[long] - begin)
    assert steps[1] <= 3 * steps[0]


@pytest.mark.parametrize("length", [20, 200])
def test_sixty_waiting_prompts_of_one_key_delay_another_little(length: int) -> None:
    def steps(waiting: int) -> int:
        engine = engine_with_streams(2)
        for salt in range(waiting):
            engine.ask(HEAVY, prompt_of(400, 100 + salt), max_tokens=300)
        for _ in range(10):
            engine.step()
        return engine.steps_to_first_token(LIGHT, prompt_of(length, 99))

    assert steps(60) - steps(0) <= 5


def test_running_answers_keep_half_their_speed_at_any_depth() -> None:
    engine = engine_with_streams(2)
    engine.ask(LIGHT, prompt_of(8000, 77), max_tokens=5)
    engine.step()
    running = engine.core.scheduler.running
    long = next(each for each in running if each.prompt_length == 8000)
    assert len(running) == 3, "the streams last longer than the prompt"
    while long.is_prefilling:
        first, slowdowns = long.num_computed_tokens, []
        while long.is_prefilling and long.num_computed_tokens < first + 1000:
            usual, before = StepLoad(), engine.now
            for each in running:
                if not each.is_prefilling:
                    usual = usual.plus(each.num_computed_tokens, 1)
            engine.step()
            slowdowns.append((engine.now - before) / smollm2_seconds(usual))
        mean = sum(slowdowns) / len(slowdowns)
        assert 1.5 < mean <= 1.05 * MAX_SLOWDOWN, f"at position {first}"
        assert max(slowdowns) <= 1.05 * MAX_SLOWDOWN, f"at position {first}"
