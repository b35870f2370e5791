"""Beam searches reserve cache as they grow; one that outgrows it is computed again, once."""

from __future__ import annotations

import pytest

from app.engine.beam_search import BeamCandidate
from app.engine.errors import OutOfMemory
from app.engine.events import OutputDelta
from tests.engine.stepped_engine import HEAVY, LIGHT, SteppedEngine, prompt_of

BEAMS = 4


def test_a_search_without_max_tokens_does_not_wait_for_an_empty_server() -> None:
    engine = SteppedEngine(kv_cache_tokens=6000)
    streams = [engine.ask(HEAVY, prompt_of(20, salt), 200) for salt in range(3)]
    engine.step()
    engine.ask(LIGHT, prompt_of(30, 9), max_tokens=None, num_beams=BEAMS)
    late = engine.ask(HEAVY, prompt_of(20, 8), 50)
    for _ in range(5):
        engine.step()
    searches = [each for each in engine.core.scheduler.running if each.beam_group]
    assert len(searches) == BEAMS
    assert late in engine.first, "nor does what comes after it"
    assert not any(stream.ended for stream in streams)


@pytest.mark.parametrize("row_invariant", [False, True])
@pytest.mark.parametrize("searches", [1, 3])
def test_a_cache_too_small_for_all_loses_nothing(row_invariant: bool, searches: int) -> None:
    def answers(kv_cache_tokens: int) -> tuple[list[list[int]], int]:
        engine = SteppedEngine(16, kv_cache_tokens, row_invariant)
        handles = [
            engine.ask(HEAVY, prompt_of(30, salt), 500, num_beams=BEAMS) for salt in range(searches)
        ]
        handles += [engine.ask(HEAVY, prompt_of(40, 10 + salt), 400) for salt in range(4)]
        engine.finish()
        assert engine.metrics.in_flight == 0
        assert engine.core.scheduler.kv_usage_ratio == 0
        return [engine.tokens(handle) for handle in handles], engine.metrics.preemptions

    wanted, none = answers(100_000)
    got, preemptions = answers(2400)
    assert got == wanted
    assert none == 0 and preemptions > 0
    assert preemptions < 40, "they do not preempt each other in turn"


def test_a_preempted_search_begins_again_once() -> None:
    engine = SteppedEngine()
    handle = engine.ask(LIGHT, prompt_of(30), 60, num_beams=BEAMS)
    for _ in range(20):
        engine.step()
    member = engine.core.scheduler.running[-1]
    assert member.expected_tokens(10) == BEAMS * len(member.tokens), "what it uses now"
    engine.core.scheduler.preempt(member)
    (lead,) = engine.core.scheduler.waiting()
    assert lead.expected_tokens(10) == BEAMS * (30 + 60), "all that it may need"
    assert not lead.is_preemptible
    engine.finish()
    again = SteppedEngine()
    alone = again.ask(LIGHT, prompt_of(30), 60, num_beams=BEAMS)
    again.finish()
    assert engine.tokens(handle) == again.tokens(alone)
    deltas = [event for event in engine.told[handle] if isinstance(event, OutputDelta)]
    assert len(deltas) == 1


def test_memory_that_runs_out_ends_only_the_youngest(monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs out after the step's tokens are in the cache."""
    engine = SteppedEngine()
    search = engine.ask(LIGHT, prompt_of(30), 60, num_beams=BEAMS)
    young = engine.ask(LIGHT, prompt_of(20), 60)
    for _ in range(10):
        engine.step()

    def fail(*args: object) -> list[BeamCandidate]:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(engine.model.sampler, "beam_step", fail)
        with pytest.raises(MemoryError):
            engine.core.step()
    engine.core.recover_from_out_of_memory(OutOfMemory("no memory"))
    assert young.ended and not search.ended
    engine.told.pop(young)
    engine.finish()
    assert len(engine.tokens(search)) == 60
