"""Cached prefixes: equal prompts are computed once, chats reuse their last answer, and preempted
answers are computed again in chunks."""

from __future__ import annotations

import pytest

from app.engine.cache_slots import common_prefix_length
from app.engine.errors import GenerationFailed
from app.engine.request import Owner
from app.engine.request_handle import RequestHandle
from app.engine.token_ids import TokenIds
from tests.engine.fakes import CHUNK, expected
from tests.engine.stepped_engine import HEAVY, LIGHT, SteppedEngine, prompt_of

LONG = prompt_of(2016 - 16)


@pytest.fixture(params=[False, True], ids=["grid", "row-invariant"])
def engine(request: pytest.FixtureRequest) -> SteppedEngine:
    return SteppedEngine(row_invariant=request.param)


def finish_with_answers(engine: SteppedEngine, handles: list[RequestHandle], length: int) -> None:
    """Every handle's answer to LONG is right."""
    engine.finish()
    for handle in handles:
        assert engine.tokens(handle) == expected(LONG, length)


def test_equal_prompts_that_come_together_are_computed_once(engine: SteppedEngine) -> None:
    handles = [engine.ask(LIGHT, LONG, max_tokens=5) for _ in range(4)]
    finish_with_answers(engine, handles, 5)
    assert engine.computed_tokens <= len(LONG) + 3 * CHUNK + 4 * 4


def test_prompts_that_begin_alike_share_the_beginning(engine: SteppedEngine) -> None:
    prompts = [LONG[:1000] + prompt_of(length, length) for length in (900, 30, 100)]
    handles = [engine.ask(LIGHT, prompt, max_tokens=5) for prompt in prompts]
    while handles[1] not in engine.first:
        engine.step()
    assert handles[0] not in engine.first, "the second waits only for what it shares"
    engine.finish()
    for handle, prompt in zip(handles, prompts, strict=True):
        assert engine.tokens(handle) == expected(prompt, 5)
    assert engine.computed_tokens <= 1000 + 900 + 30 + 100 + 2 * CHUNK + 3 * 4


@pytest.mark.parametrize("end", ["cancelled", "failed", "preempted"])
@pytest.mark.parametrize("steps", [1, 3])
def test_the_others_go_on_when_the_first_does_not(
    engine: SteppedEngine, end: str, steps: int
) -> None:
    handles = [engine.ask(LIGHT, LONG, max_tokens=5) for _ in range(3)]
    for _ in range(steps):
        engine.step()
    (first,) = engine.core.scheduler.running
    if end == "cancelled":
        handles.pop(0).cancel()
        engine.core.drop_cancelled()
    elif end == "failed":
        engine.core.fail([handles[0]], GenerationFailed("broken"))
        engine.told.pop(handles.pop(0))
    else:
        engine.core.scheduler.preempt(first, keep=False)
    finish_with_answers(engine, handles, 5)
    lost = 256 * steps if end != "cancelled" else 0
    assert engine.computed_tokens <= lost + len(LONG) + 3 * CHUNK + 3 * 4


def test_nobody_waits_for_another_owner(engine: SteppedEngine) -> None:
    engine.ask(HEAVY, LONG, max_tokens=5)
    engine.step()
    engine.ask(LIGHT, LONG, max_tokens=5)
    engine.step()
    assert {each.owner for each in engine.core.scheduler.running} == {"heavy", "light"}
    engine.finish()
    assert engine.computed_tokens >= 2 * len(LONG), "prompts are not shared between owners"


def test_the_tenth_turn_of_a_chat_reuses_what_was_said() -> None:
    engine = SteppedEngine(row_invariant=True)
    history: TokenIds = prompt_of(60, 1)
    for turn in range(10):
        handle = engine.ask(LIGHT, history, max_tokens=60)
        engine.ask(LIGHT, prompt_of(150, 100 + turn), max_tokens=30)  # another chat
        engine.finish()
        before = history + tuple(engine.tokens(handle))
        history = before + prompt_of(40, 2 + turn)
    last = engine.ask(LIGHT, history, max_tokens=5)
    engine.finish()
    assert last.cached_tokens == len(before) - 1, "all but the last token, which was only sampled"
    assert engine.tokens(last) == expected(history, 5)


def test_on_the_grid_answers_are_not_reused() -> None:
    engine = SteppedEngine()
    prompt = prompt_of(60, 1)
    first = engine.ask(LIGHT, prompt, max_tokens=60)
    engine.finish()
    second = engine.ask(LIGHT, prompt + tuple(engine.tokens(first)) + (7,), max_tokens=5)
    engine.finish()
    assert second.cached_tokens == 60 // CHUNK * CHUNK


@pytest.mark.parametrize("keep", [False, True])
def test_a_preempted_answer_is_computed_again_in_chunks(keep: bool) -> None:
    engine = SteppedEngine(row_invariant=True)
    prompt = prompt_of(40)
    handle = engine.ask(LIGHT, prompt, max_tokens=400)
    for _ in range(300):
        engine.step()
    (sequence,) = engine.core.scheduler.running
    engine.core.scheduler.preempt(sequence, keep)
    before = engine.computed_tokens
    engine.step()
    assert engine.computed_tokens - before == (1 if keep else 256)
    engine.step()
    assert sequence.num_generated_tokens > 300, "two steps replay what took 300"
    engine.finish()
    assert engine.tokens(handle) == expected(prompt, 400)


def test_a_short_common_beginning_does_not_cost_another_chat_its_cache() -> None:
    engine = SteppedEngine(slots=2, row_invariant=True)
    system = prompt_of(30, 1)
    chats = [system + prompt_of(600, 2), system + prompt_of(600, 3)]
    for prompt in chats:
        engine.ask(LIGHT, prompt, max_tokens=5)
        engine.finish()
    engine.ask(LIGHT, system + prompt_of(50, 4), max_tokens=5)
    engine.finish()
    again = engine.ask(LIGHT, chats[1] + (7,), max_tokens=5)
    engine.finish()
    assert again.cached_tokens == len(chats[1]), "the least recently used chat went"


def test_owners_share_no_prefix() -> None:
    engine = SteppedEngine(row_invariant=True)
    for name in "ab":
        handle = engine.ask(Owner(name), LONG, max_tokens=5)
        engine.finish()
        assert handle.cached_tokens == 0


def test_the_common_prefix_of_lists() -> None:
    numbers = list(range(1000))
    for end in (0, 1, 255, 256, 257, 700, 999):
        assert common_prefix_length(numbers, [*numbers[:end], -1]) == end
        assert common_prefix_length(numbers[:end], numbers) == end
    assert common_prefix_length(numbers, numbers) == 1000
