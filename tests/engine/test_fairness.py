"""Owners take turns: 128 streams of one delay another's first token by three steps at most.

The steps of a scripted model are run and counted, without threads or clocks.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from app.engine.beam_group import BeamGroup
from app.engine.beam_search import BeamSearch
from app.engine.detokenizer import Detokenizer
from app.engine.prefill_chunking import PrefillChunking
from app.engine.prefill_counter import HEAD_START
from app.engine.request import Owner
from app.engine.request_handle import RequestHandle
from app.engine.scheduler import Scheduler
from app.engine.sequence import Sequence
from app.engine.token_ids import TokenIds
from tests.engine.fakes import CHUNK, expected
from tests.engine.stepped_engine import HEAVY, LIGHT, SteppedEngine, prompt_of

STREAMS = 128
MOST_STEPS_LATER = 3


def alone(prompt: TokenIds) -> int:
    return SteppedEngine().steps_to_first_token(LIGHT, prompt)


def loaded(
    load: str, seed: int = 7, owner: Owner = HEAVY
) -> tuple[SteppedEngine, list[RequestHandle]]:
    """128 streams of one key, none of them computed yet."""
    slots, kv_cache_tokens, (shortest, longest) = LOADS[load]
    bench, lengths = SteppedEngine(slots, kv_cache_tokens), random.Random(seed)
    prompts = [prompt_of(lengths.randint(shortest, longest), salt) for salt in range(STREAMS)]
    return bench, [bench.ask(owner, prompt) for prompt in prompts]


#: (slots, tokens of cache, lengths of the heavy key's prompts)
LOADS = {
    "all slots run short prompts": (64, 64 * 2048, (5, 20)),
    "long prompts are read": (64, 64 * 2048, (300, 1500)),
    "more slots than streams": (256, 256 * 2048, (5, 200)),
    "the cache is full": (64, 4000, (5, 300)),
    "few slots": (4, 64 * 2048, (5, 1500)),
    "two slots": (2, 4096, (5, 40)),
}


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("steps_before", [0, 1, 7, 60, 250])
@pytest.mark.parametrize("length", [1, 17, 64])
def test_one_key_hardly_delays_another(load: str, steps_before: int, length: int) -> None:
    bench, _ = loaded(load)
    for _ in range(steps_before):
        bench.step()
    prompt = prompt_of(length, 999)
    later = bench.steps_to_first_token(LIGHT, prompt) - alone(prompt)
    assert later <= MOST_STEPS_LATER


def test_a_key_waits_for_its_own_streams() -> None:
    bench, _ = loaded("all slots run short prompts", owner=LIGHT)
    for _ in range(60):
        bench.step()
    assert bench.steps_to_first_token(LIGHT, prompt_of(17, 999)) > 100, "the test shows nothing"


@pytest.mark.parametrize("steps_before", [0, 60])
def test_a_longer_prompt_is_read_as_fast_as_running_answers_allow(steps_before: int) -> None:
    bench, _ = loaded("long prompts are read")
    for _ in range(steps_before):
        bench.step()
    # One chunk a step is the least that is read beside answers.
    assert bench.steps_to_first_token(LIGHT, prompt_of(HEAD_START, 999)) <= HEAD_START // CHUNK


@pytest.mark.parametrize("kind", ["choices", "inputs", "prompts known already"])
def test_what_else_one_key_may_fill_the_server_with(kind: str) -> None:
    bench = SteppedEngine()
    for salt in range(STREAMS):
        if kind == "choices":
            bench.ask(HEAVY, prompt_of(90, salt), n=8)
        elif kind == "inputs":
            bench.embed(HEAVY, tuple(prompt_of(30, salt + place) for place in range(100)))
        else:
            bench.ask(HEAVY, prompt_of(200, 5))
    for _ in range(40):
        bench.step()
    prompt = prompt_of(20, 999)
    assert bench.steps_to_first_token(LIGHT, prompt) - alone(prompt) <= MOST_STEPS_LATER


def test_an_embedding_is_not_delayed_either() -> None:
    bench, _ = loaded("all slots run short prompts")
    for _ in range(60):
        bench.step()
    begin, handle = bench.steps, bench.embed(LIGHT, (prompt_of(40, 999),))
    while handle not in bench.first:
        bench.step()
    assert bench.first[handle] - begin <= 1 + MOST_STEPS_LATER


def test_several_keys_that_come_together() -> None:
    bench, _ = loaded("all slots run short prompts")
    for _ in range(60):
        bench.step()
    begin = bench.steps
    handles = [bench.ask(Owner(f"key {n}", True), prompt_of(20, 900 + n), 20) for n in range(4)]
    for _ in range(1 + len(handles) * 2):
        bench.step()
    assert max(bench.first[handle] - begin for handle in handles) <= 1 + MOST_STEPS_LATER


def test_two_busy_keys_get_the_same() -> None:
    bench, lengths = SteppedEngine(), random.Random(3)
    for owner in (HEAVY, LIGHT):
        for salt in range(STREAMS):
            bench.ask(owner, prompt_of(lengths.randint(5, 60), salt), 60)
        for _ in range(20):
            bench.step()
    for _ in range(400):
        bench.step()
        running = [sequence.owner for sequence in bench.core.scheduler.running]
    assert abs(running.count("heavy") - running.count("light")) <= 2
    done = {owner: sum(t.ended for t in bench.told if t.owner is owner) for owner in (HEAVY, LIGHT)}
    assert min(done.values()) > 10
    assert max(done.values()) <= 2 * min(done.values())


@pytest.mark.parametrize("first_is_larger", [True, False])
def test_a_request_that_waits_for_much_holds_up_no_other_key(first_is_larger: bool) -> None:
    bench = SteppedEngine(64, 2100)
    for salt in range(STREAMS):
        bench.ask(HEAVY, prompt_of(5, salt), 200)
    if first_is_larger:
        bench.ask(Owner("heavy too", limited=True), prompt_of(1900, 998), 100)
    for _ in range(20):
        bench.step()
    prompt = prompt_of(20, 999)
    assert bench.steps_to_first_token(LIGHT, prompt) - alone(prompt) <= MOST_STEPS_LATER


def test_a_request_that_waits_for_much_gets_it() -> None:
    """Though the others never stop asking."""
    bench = SteppedEngine(64, 3000)
    large = None
    for number in range(2000):
        for owner in (HEAVY, LIGHT):
            if sum(t.owner is owner and not t.ended for t in bench.told) < 20:
                bench.ask(owner, prompt_of(5, number), 50)
        if number == 10:
            large = bench.ask(Owner("large", limited=True), prompt_of(1900, 998), 100)
        bench.step()
        if large in bench.first:
            return
    raise AssertionError("never")


def test_what_a_key_read_before_is_not_held_against_it() -> None:
    """It had long prompts while the other had none; then the other comes with many."""
    bench = SteppedEngine()
    bench.ask(HEAVY, prompt_of(5, 1), 1500)
    bench.ask(LIGHT, prompt_of(5, 2), 1500)
    for salt in range(4):
        bench.steps_to_first_token(LIGHT, prompt_of(1200, 10 + salt))
    for salt in range(STREAMS):
        bench.ask(HEAVY, prompt_of(900, 20 + salt))
    for _ in range(5):
        bench.step()
    prompt = prompt_of(40, 999)
    assert bench.steps_to_first_token(LIGHT, prompt) - alone(prompt) <= MOST_STEPS_LATER


@pytest.mark.parametrize("connections", [1, 2, 5])
def test_a_newcomer_that_goes_on_asking_does_not_starve_the_others(connections: int) -> None:
    bench = SteppedEngine()
    heavy = bench.ask(HEAVY, prompt_of(1500, 1), 20)
    light: list[RequestHandle] = []
    while heavy not in bench.first:
        # There is always one more as soon as one is through.
        while sum(not each.ended for each in light) < connections:
            light.append(bench.ask(LIGHT, prompt_of(200, len(light)), 1))
        bench.step()
        assert bench.steps < 100
    assert len(light) > 3, "the test shows nothing"


@pytest.mark.parametrize("row_invariant", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_answers_stay_the_same_and_nobody_is_forgotten(seed: int, row_invariant: bool) -> None:
    choose = random.Random(seed)
    bench = SteppedEngine(choose.choice([3, 5, 8]), choose.choice([900, 3000]), row_invariant)
    owners = [Owner(name, limited=True) for name in "abcd"]
    asked: list[tuple[RequestHandle, TokenIds, int]] = []
    for salt in range(60):
        length, most = choose.randint(1, 300), choose.randint(40, 80)
        prompt = prompt_of(length, salt % 20)
        owner = owners[0] if salt < 20 else choose.choice(owners)
        asked.append((bench.ask(owner, prompt, most), prompt, most))
        for _ in range(choose.choice([0, 0, 1, 5])):
            bench.step()
        if choose.random() < 0.1:
            asked.pop(choose.randrange(len(asked)))[0].cancel()
            bench.core.drop_cancelled()
    bench.finish()
    for handle, prompt, most in asked:
        assert bench.tokens(handle) == expected(prompt, most)
    metrics = bench.metrics
    assert metrics.in_flight == 0
    assert metrics.preemptions > 0, "nobody had to give a place to another: the test shows nothing"
    assert bench.core.scheduler.kv_usage_ratio == 0


def test_what_is_sent_back_is_bounded() -> None:
    """Places are not taken back and forth: with n keys that all want everything, each gives
    what is over its share, once."""
    bench = SteppedEngine(16, 16 * 512)
    for number in range(4):
        for salt in range(32):
            bench.ask(Owner(f"key {number}", True), prompt_of(20, salt), 300)
        bench.step()
    before = bench.metrics.preemptions
    for _ in range(200):
        bench.step()
    assert bench.metrics.preemptions - before <= 16
    counts = Counter(sequence.owner for sequence in bench.core.scheduler.running)
    assert sorted(counts.values()) == [4, 4, 4, 4]


def test_beam_searches_which_are_never_sent_back_leave_half_to_others() -> None:
    def searches(owner: Owner) -> list[Sequence]:
        found = []
        for salt in range(6):
            prompt = list(prompt_of(20, salt))
            handle = RequestHandle(20, 1, lambda: None, owner)
            lead = Sequence(handle, 0, prompt, 20, 30, detokenizer=Detokenizer((), (), False))
            search = BeamSearch(8, 30, lambda tokens: False, 1)
            lead.beam_group = BeamGroup(
                search, 1, lead, lambda: Detokenizer((), (), False), frozenset()
            )
            found.append(lead)
        return found

    def running(owner: Owner) -> int:
        scheduler = Scheduler(64, 100_000, PrefillChunking(CHUNK, False))
        for lead in searches(owner):
            scheduler.add([lead])
        scheduler.plan()
        return len(scheduler.running)

    assert running(HEAVY) == 4  # 32 of 64 slots
    assert running(Owner("the only one")) == 6
