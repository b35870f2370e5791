"""Usage by key: each token counted once, days in UTC, bounded rows."""

from __future__ import annotations

import pytest

from app.engine import usage as usage_module
from app.engine.errors import GenerationFailed
from app.engine.request import Owner
from app.engine.stats import TokenUsage
from app.engine.usage import OTHER_KEYS, UsageByKey
from tests.engine.stepped_engine import SteppedEngine, prompt_of

ALICE = Owner("a", key_name="alice")
BOB = Owner("b", key_name="bob")
NOON = 20_000 * 86_400 + 43_200


def rows(engine: SteppedEngine) -> dict[str, TokenUsage]:
    return dict(engine.metrics.usage.totals())


def test_choices_count_their_tokens_and_the_prompt_once() -> None:
    engine = SteppedEngine()
    engine.ask(ALICE, prompt_of(20), max_tokens=7, n=3)
    engine.ask(BOB, prompt_of(11), max_tokens=5)
    engine.finish()
    assert rows(engine) == {"alice": TokenUsage(1, 20, 21), "bob": TokenUsage(1, 11, 5)}


@pytest.mark.parametrize("n", [1, 2])
def test_beam_search_counts_the_tokens_of_its_answers(n: int) -> None:
    engine = SteppedEngine()
    handle = engine.ask(ALICE, prompt_of(20), max_tokens=6, n=n, num_beams=4)
    engine.finish()
    answers = sum(len(engine.tokens(handle, index)) for index in range(n))
    assert answers == 6 * n
    assert rows(engine) == {"alice": TokenUsage(1, 20, answers)}
    assert handle.generation_tokens == answers


def test_embeddings_and_scores_generate_nothing() -> None:
    engine = SteppedEngine()
    engine.embed(ALICE, (prompt_of(5), prompt_of(9)))
    engine.ask(BOB, prompt_of(8), max_tokens=1)
    engine.finish()
    assert rows(engine) == {"alice": TokenUsage(1, 14), "bob": TokenUsage(1, 8, 1)}


def test_cancelled_and_failed_requests_count_as_far_as_they_came() -> None:
    engine = SteppedEngine()
    cancelled = engine.ask(ALICE, prompt_of(20), max_tokens=50)
    failed = engine.ask(BOB, prompt_of(10), max_tokens=50)
    search = engine.ask(BOB, prompt_of(30), max_tokens=50, num_beams=2)
    for _ in range(8):
        engine.step()
    sent = [len(engine.tokens(handle)) for handle in (cancelled, failed)]
    cancelled.cancel()
    search.cancel()
    engine.core.drop_cancelled()
    engine.core.fail([failed], GenerationFailed("a test"))
    # Tokens that wait to be sent together count too.
    assert rows(engine) == {
        "alice": TokenUsage(1, 20, cancelled.generation_tokens),
        "bob": TokenUsage(2, 40, failed.generation_tokens),
    }
    assert search.generation_tokens == 0, "a beam search has no answer before its end"
    assert sent < [cancelled.generation_tokens, failed.generation_tokens] == [8, 8]


def test_a_preempted_answer_counts_once() -> None:
    engine = SteppedEngine()
    handle = engine.ask(ALICE, prompt_of(40), max_tokens=20)
    for _ in range(8):
        engine.step()
    (sequence,) = engine.core.scheduler.running
    engine.core.scheduler.preempt(sequence)
    assert sequence.slot < 0
    engine.finish()
    assert len(engine.tokens(handle)) == 20
    assert rows(engine) == {"alice": TokenUsage(1, 40, 20)}


def test_cached_tokens_are_those_of_the_answers() -> None:
    engine = SteppedEngine(row_invariant=True)
    handles = []
    for length in (40, 60):
        handles.append(engine.ask(ALICE, prompt_of(length), max_tokens=3, n=2))
        engine.finish()
    cached = sum(handle.cached_tokens for handle in handles)
    assert cached >= 39
    assert rows(engine)["alice"] == TokenUsage(2, 100, 12, cached)


def test_the_day_ends_at_midnight_utc() -> None:
    now = [NOON + 0.5]
    usage = UsageByKey(lambda: now[0])
    usage.count("alice", requests=1, prompt_tokens=5)
    assert usage.today("alice").start_time == NOON, "the server's start"
    assert usage.today("alice").usage == TokenUsage(1, 5)
    assert usage.today("bob").usage == TokenUsage()
    now[0] += 43_200
    assert usage.today("alice").usage == TokenUsage(), "before anything is counted on the new day"
    assert usage.today("alice").start_time == NOON + 43_200
    usage.count("alice", generation_tokens=2)
    assert usage.today("alice").usage == TokenUsage(0, 0, 2)
    assert dict(usage.totals()) == {"alice": TokenUsage(1, 5, 2)}


def test_readers_get_copies() -> None:
    usage = UsageByKey()
    usage.count("alice", requests=1)
    ((_, row),), today = usage.totals(), usage.today("alice")
    usage.count("alice", requests=1)
    assert row.requests == today.usage.requests == 1


def test_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator may rename keys for years; each key's own day stays right."""
    monkeypatch.setattr(usage_module, "MAX_KEY_NAMES", 3)
    usage = UsageByKey()
    for number in range(10):
        usage.count(f"key-{number}", requests=1, prompt_tokens=number)
    totals = dict(usage.totals())
    assert list(totals) == ["key-0", "key-1", "key-2", OTHER_KEYS]
    assert totals[OTHER_KEYS] == TokenUsage(7, sum(range(3, 10)))
    assert usage.today("key-9").usage == TokenUsage(1, 9)
