"""The engine's life: answers, refusals, cancels, faults, drain, and a metrics that adds up."""

from __future__ import annotations

import random
import threading
import time

import pytest

from app.engine.async_engine import AsyncEngine
from app.engine.batch import Batch
from app.engine.errors import (
    ContextExceeded,
    EmptyPrompt,
    GenerationFailed,
    ModelLoading,
    Overloaded,
    ShuttingDown,
    UnknownToken,
)
from app.engine.events import FinishReason
from app.engine.loaded_model import LoadedModel
from app.engine.request import EmbeddingRequest, GenerationRequest, Owner
from app.engine.request_handle import RequestHandle
from app.engine.stats import EngineState, EngineStats
from tests.engine.fakes import CHUNK, VOCAB, CountingRunner, FollowingSampler, expected, fake_model
from tests.harness.in_process import collect, collect_vectors, start
from tests.harness.waiting import wait_until


def serve(model: LoadedModel, max_in_flight: int = 1000) -> AsyncEngine:
    return start(AsyncEngine(lambda: model, max_in_flight))


def settled(engine: AsyncEngine) -> EngineStats:
    """The counters once nothing is in flight."""
    wait_until(lambda: engine.stats.running + engine.stats.waiting == 0)
    stats = engine.stats
    assert stats.accepted == stats.completed + stats.failed + stats.cancelled
    return stats


def test_answers_are_right_for_prompts_of_all_lengths() -> None:
    runner = CountingRunner()
    engine = serve(fake_model(runner))
    lengths = (1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 100, 300)
    prompts = tuple(tuple(range(3, 3 + length)) for length in lengths)
    choices = collect(engine.generate(GenerationRequest(prompts, max_tokens=40, n=2)))
    for index, choice in enumerate(choices):
        assert choice.tokens == expected(prompts[index // 2], 40)
        assert choice.text == "".join(f"{token}." for token in choice.tokens)
        assert choice.reason is FinishReason.LENGTH
    assert settled(engine).completed == 1
    wait_until(lambda: not runner.cache)  # the next step gives slots back


def test_stop_strings_end_an_answer_without_leaking() -> None:
    engine = serve(fake_model(CountingRunner()))
    prompt = (5, 6)
    tokens = expected(prompt, 10)
    stop = f"{tokens[3]}.{str(tokens[4])[0]}"
    request = GenerationRequest((prompt,), max_tokens=50, stop=("never", stop))
    (choice,) = collect(engine.generate(request))
    assert choice.text == "".join(f"{token}." for token in tokens[:3])
    assert (choice.reason, choice.stop_reason) == (FinishReason.STOP, stop)
    assert engine.stats.finished == (("stop", 1), ("length", 0))


def test_lengths_are_cut_to_the_context() -> None:
    engine = serve(fake_model(CountingRunner(positions=64)))
    prompt = tuple(range(3, 63))
    (rest,) = collect(engine.generate(GenerationRequest((prompt,), stop=("never",))))
    assert len(rest.tokens) == 4 and rest.stop_reason is None
    (cut,) = collect(engine.generate(GenerationRequest((prompt,), default_max_tokens=128)))
    assert len(cut.tokens) == 4
    for asked in (4, 5, 8_000, 2**63 - 1):
        handle = engine.generate(GenerationRequest((prompt, prompt[:10]), max_tokens=asked))
        assert handle.max_new_tokens == 4, "the minimum of both"
        shorter, longer = collect(handle)
        assert (len(shorter.tokens), shorter.reason) == (4, FinishReason.LENGTH)
        assert len(longer.tokens) == min(asked, 54)
    for length in (64, 65, 1000):
        with pytest.raises(ContextExceeded) as refused:
            engine.generate(GenerationRequest(((3,) * length,), max_tokens=1))
        assert refused.value.field == "prompt"
        assert "This model's maximum context length is 64 tokens" in str(refused.value)
        assert "context_length_exceeded" in str(refused.value)
    assert engine.stats.accepted == 6


@pytest.mark.parametrize("tokens", [(VOCAB,), (-1,), (5, 10**9)])
def test_ids_outside_the_vocabulary_are_refused(tokens: tuple[int, ...]) -> None:
    engine = serve(fake_model(CountingRunner()))
    with pytest.raises(UnknownToken):
        engine.generate(GenerationRequest((tokens,)))
    with pytest.raises(UnknownToken):
        engine.embed(EmbeddingRequest((tokens,)))


def test_empty_prompts_are_refused() -> None:
    engine = serve(fake_model(CountingRunner()))
    with pytest.raises(EmptyPrompt):
        engine.generate(GenerationRequest(((),)))
    with pytest.raises(EmptyPrompt):
        engine.embed(EmbeddingRequest(((5,), ())))


def test_more_than_the_limit_in_flight_is_refused_until_one_ends() -> None:
    runner = CountingRunner()
    gate = threading.Event()
    runner.on_step = lambda batch: gate.wait(10) and None
    engine = serve(fake_model(runner), max_in_flight=2)
    engine.check_capacity()
    handles = [engine.generate(GenerationRequest(((5,),), max_tokens=3)) for _ in range(2)]
    with pytest.raises(Overloaded):
        engine.check_capacity()
    with pytest.raises(Overloaded):
        engine.generate(GenerationRequest(((5,),), max_tokens=3))
    gate.set()
    for handle in handles:
        collect(handle)
    wait_until(lambda: engine.stats.completed == 2)
    engine.check_capacity()
    collect(engine.generate(GenerationRequest(((5,),), max_tokens=3)))


@pytest.mark.parametrize(
    ("max_in_flight", "given", "most"), [(8, None, 4), (1, None, 1), (8, 3, 3)]
)
def test_one_owner_of_several_cannot_hold_all_places(
    max_in_flight: int, given: int | None, most: int
) -> None:
    runner = CountingRunner()
    gate = threading.Event()
    runner.on_step = lambda batch: gate.wait(10) and None
    engine = start(AsyncEngine(lambda: fake_model(runner), max_in_flight, max_per_owner=given))

    def ask(owner: Owner) -> RequestHandle:
        return engine.generate(GenerationRequest(((5,),), max_tokens=3, owner=owner))

    one, other = Owner("one", limited=True), Owner("other", limited=True)
    handles = [ask(one) for _ in range(most)]
    for refused in (
        ask,
        engine.check_capacity,
        lambda owner: engine.embed(EmbeddingRequest(((5,),), owner)),
    ):
        with pytest.raises(
            Overloaded,
            match=rf"{most} requests in flight.*--max_per_key" if most < max_in_flight else "busy",
        ):
            refused(one)
    if most < max_in_flight:
        engine.check_capacity(other)
        handles.append(ask(other))
    handles[0].cancel()
    gate.set()
    wait_until(lambda: engine.stats.cancelled == 1)
    handles.append(ask(one))  # its place is free again
    for handle in handles[1:]:
        collect(handle)
    assert settled(engine).completed == len(handles) - 1


def test_the_only_owner_may_have_all_places() -> None:
    runner = CountingRunner()
    gate = threading.Event()
    runner.on_step = lambda batch: gate.wait(10) and None
    engine = serve(fake_model(runner), max_in_flight=4)
    only = Owner("only")
    request = GenerationRequest(((5,),), max_tokens=3, owner=only)
    handles = [engine.generate(request) for _ in range(4)]
    with pytest.raises(Overloaded, match="busy with 4"):
        engine.generate(request)
    gate.set()
    for handle in handles:
        collect(handle)


def test_a_cancelled_request_frees_its_place_wherever_it_is() -> None:
    runner = CountingRunner(slots=2)
    runner.on_step = lambda batch: time.sleep(0.002)
    engine = serve(fake_model(runner))
    long = GenerationRequest(((5,),), max_tokens=500)
    handles = [engine.generate(long) for _ in range(5)]  # two run, three wait
    wait_until(lambda: engine.stats.running == 2)
    for handle in handles:
        handle.cancel()
        handle.cancel()
    stats = settled(engine)
    assert stats.cancelled == 5
    wait_until(lambda: not runner.cache)
    for handle in handles:
        while not handle.done:
            handle.next_events(5)


def test_one_broken_row_fails_alone() -> None:
    sampler = FollowingSampler()
    sampler.broken = lambda sampling: sampling.params.seed == 13 and sampling.position == 4
    engine = serve(fake_model(CountingRunner(), sampler))
    from app.engine.request import SamplingParams

    handles = [
        engine.generate(
            GenerationRequest(((5, 6, seed),), SamplingParams(seed=seed), max_tokens=20)
        )
        for seed in range(10, 18)
    ]
    for seed, handle in zip(range(10, 18), handles, strict=True):
        if seed == 13:
            with pytest.raises(GenerationFailed):
                collect(handle)
        else:
            assert collect(handle)[0].tokens == expected((5, 6, seed), 20)
    stats = settled(engine)
    assert (stats.failed, stats.completed) == (1, 7)


def test_a_failed_step_costs_only_those_it_ran_for() -> None:
    runner = CountingRunner(slots=1)
    engine = serve(fake_model(runner))

    def fail_once(batch: object) -> None:
        runner.on_step = lambda batch: None
        raise RuntimeError("a fault")

    runner.on_step = fail_once
    first = engine.generate(GenerationRequest(((5,),), max_tokens=5))
    second = engine.generate(GenerationRequest(((6,),), max_tokens=5))
    with pytest.raises(GenerationFailed):
        collect(first)
    assert collect(second)[0].tokens == expected((6,), 5)
    assert settled(engine).failed == 1
    assert engine.state is EngineState.READY


def test_an_engine_that_keeps_failing_dies_loudly() -> None:
    runner = CountingRunner()

    def fail(batch: object) -> None:
        raise RuntimeError("a lasting fault")

    runner.on_step = fail
    died: list[BaseException] = []
    engine = AsyncEngine(lambda: fake_model(runner))
    engine.start(on_failure=died.append)
    wait_until(lambda: engine.state is EngineState.READY)
    handles = []
    while engine.state is EngineState.READY:
        try:
            handles.append(engine.generate(GenerationRequest(((5,),), max_tokens=5)))
        except ShuttingDown:
            break
        with pytest.raises(GenerationFailed):
            collect(handles[-1])
    wait_until(lambda: bool(died))
    with pytest.raises(ShuttingDown):
        engine.generate(GenerationRequest(((5,),), max_tokens=5))
    assert engine.stats.failed == len(handles)
    assert len(handles) <= 2, "the probe after the first failure tells that it is broken"


def test_draining_refuses_new_requests_and_cuts_what_outlasts_the_grace() -> None:
    runner = CountingRunner()
    runner.on_step = lambda batch: time.sleep(0.01)
    engine = serve(fake_model(runner))
    short = engine.generate(GenerationRequest(((5,),), max_tokens=5))
    long = engine.generate(GenerationRequest(((6,),), max_tokens=400))
    engine.drain(grace_s=1.0)
    with pytest.raises(ShuttingDown):
        engine.check_capacity()
    with pytest.raises(ShuttingDown):
        engine.generate(GenerationRequest(((5,),), max_tokens=5))
    assert len(collect(short)[0].tokens) == 5
    with pytest.raises(ShuttingDown):
        collect(long)
    assert settled(engine).failed == 1


def test_nothing_is_answered_before_the_model_is_loaded() -> None:
    gate = threading.Event()

    def load() -> LoadedModel:
        gate.wait(10)
        return fake_model(CountingRunner())

    engine = AsyncEngine(load)
    engine.start()
    assert engine.state is EngineState.LOADING
    for call in (lambda: engine.encode("5."), lambda: engine.info, lambda: engine.decode((5,))):
        with pytest.raises(ModelLoading):
            call()
    engine.check_capacity()  # errors in a request can be reported meanwhile
    gate.set()
    wait_until(lambda: engine.state is EngineState.READY)
    assert engine.encode("5.6.") == (5, 6)


def test_a_load_that_fails_is_told() -> None:
    def load() -> LoadedModel:
        raise ValueError("no such file")

    failures: list[BaseException] = []
    engine = AsyncEngine(load)
    engine.start(on_failure=failures.append)
    wait_until(lambda: bool(failures))
    assert str(failures[0]) == "no such file"
    assert engine.state is EngineState.DEAD


@pytest.mark.parametrize("prefix_reuse", [False, True])
def test_mixed_requests_with_cancels_add_up(prefix_reuse: bool) -> None:
    runner = CountingRunner(slots=6)
    engine = serve(fake_model(runner, kv_cache_tokens=700, prefix_reuse=prefix_reuse))
    rng = random.Random(5)
    answers = 0
    for _ in range(300):
        # many begin alike, so that prompts find one another's beginnings
        prompt = (7,) * rng.choice([0, 33, 100])
        prompt += tuple(rng.randrange(3, VOCAB) for _ in range(rng.randint(1, 100)))
        if rng.random() < 0.2:
            vectors = engine.embed(EmbeddingRequest((prompt,) * rng.randint(1, 4)))
            if rng.random() < 0.5:
                collect_vectors(vectors)
            else:
                vectors.cancel()
            continue
        handle = engine.generate(GenerationRequest((prompt,), max_tokens=rng.randint(1, 300)))
        if rng.random() < 0.3:
            handle.cancel()
        elif rng.random() < 0.3:
            (choice,) = collect(handle)
            assert choice.tokens == expected(prompt, len(choice.tokens))
            answers += 1
    stats = settled(engine)
    assert stats.accepted == 300
    assert stats.failed == 0
    assert answers > 20
    assert stats.kv_usage_ratio == 0
    assert (stats.prefix_reused_tokens > 0) == prefix_reuse
    if not prefix_reuse:
        wait_until(lambda: not runner.cache)
    assert sum(map(len, list(runner.cache.values()))) <= 700


def test_the_beginning_of_a_known_prompt_is_not_computed_again() -> None:
    runner = CountingRunner(slots=4)
    engine = serve(fake_model(runner, prefix_reuse=True))
    first = tuple(range(3, 103))
    collect(engine.generate(GenerationRequest((first,), max_tokens=5)))
    runner.batches.clear()
    longer = (*first, *range(200, 240))
    handle = engine.generate(GenerationRequest((longer,), max_tokens=5))
    assert collect(handle)[0].tokens == expected(longer, 5)
    assert [chunk.start for batch in runner.batches for chunk in batch.prefill_chunks] == [
        96,
        112,
        128,
    ]
    assert handle.cached_tokens == 96


def test_prompts_of_another_scope_are_not_found() -> None:
    engine = serve(fake_model(CountingRunner(slots=4), prefix_reuse=True))
    prompt = tuple(range(3, 103))
    cached = []
    for scope in ("", "a", "b", "a", "b", ""):
        request = GenerationRequest((prompt,), max_tokens=5, owner=Owner(scope))
        handle = engine.generate(request)
        assert collect(handle)[0].tokens == expected(prompt, 5)
        cached.append(handle.cached_tokens)
    assert cached == [0, 0, 0, 96, 96, 96]


def test_choices_of_one_prompt_compute_it_once() -> None:
    runner = CountingRunner(slots=8)
    engine = serve(fake_model(runner, prefix_reuse=True))
    prompt = tuple(range(3, 133))
    choices = collect(engine.generate(GenerationRequest((prompt,), max_tokens=6, n=4)))
    assert all(choice.tokens == expected(prompt, 6) for choice in choices)
    assert (
        sum(len(chunk.tokens) for batch in runner.batches for chunk in batch.prefill_chunks)
        == 130 + 3 * 2
    )


def test_a_prompt_known_to_its_last_token_still_computes_one() -> None:
    engine = serve(fake_model(CountingRunner(), prefix_reuse=True))
    prompt = tuple(range(3, 67))  # four whole chunks
    for _ in range(3):
        handle = engine.generate(GenerationRequest((prompt,), max_tokens=3))
        assert collect(handle)[0].tokens == expected(prompt, 3)
    assert handle.cached_tokens == 48


def test_scores_and_embeddings_read_their_whole_prompt() -> None:
    engine = serve(fake_model(CountingRunner(), prefix_reuse=True))
    prompt = tuple(range(3, 103))
    collect(engine.generate(GenerationRequest((prompt,), max_tokens=1)))
    first = collect_vectors(engine.embed(EmbeddingRequest((prompt,))))
    assert first == collect_vectors(engine.embed(EmbeddingRequest((prompt,))))
    assert settled(engine).prefix_reused_tokens == 0


def test_remembered_prompts_give_way_to_running_answers() -> None:
    runner = CountingRunner(slots=8)
    engine = serve(fake_model(runner, kv_cache_tokens=600, prefix_reuse=True))
    for first in range(3, 43, 10):
        prompt = tuple(range(first, first + 120))
        collect(engine.generate(GenerationRequest((prompt,), max_tokens=3)))
    (choice,) = collect(engine.generate(GenerationRequest(((5,) * 40,), max_tokens=400)))
    assert choice.tokens == expected((5,) * 40, 400)
    wait_until(lambda: sum(map(len, list(runner.cache.values()))) <= 600)
    assert engine.stats.preemptions == 0


def test_what_a_failed_step_left_is_not_remembered() -> None:
    runner = CountingRunner(slots=2)
    engine = serve(fake_model(runner, prefix_reuse=True))
    prompt = tuple(range(3, 103))

    def fail_late(batch: Batch) -> None:
        if batch.decode_rows:
            runner.on_step = lambda batch: None
            raise RuntimeError("a fault")

    runner.on_step = fail_late
    with pytest.raises(GenerationFailed):
        collect(engine.generate(GenerationRequest((prompt,), max_tokens=5)))
    handle = engine.generate(GenerationRequest((prompt,), max_tokens=5))
    assert collect(handle)[0].tokens == expected(prompt, 5)
    assert handle.cached_tokens == 0
