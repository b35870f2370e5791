"""Faults of one request stay that request's; the others get every token they would have got."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.engine.async_engine import AsyncEngine
from app.engine.batch import Batch, SampledToken, SamplingInput
from app.engine.engine_loop import FAULTS_ALLOWED
from app.engine.errors import EngineError, GenerationFailed, OutOfMemory, ShuttingDown
from app.engine.request import EmbeddingRequest, GenerationRequest, SamplingParams
from app.engine.request_handle import RequestHandle
from app.engine.stats import EngineState
from tests.engine.fakes import CountingRunner, FollowingSampler, expected, fake_model
from tests.engine.test_async_engine import serve, settled
from tests.harness.in_process import collect, collect_vectors
from tests.harness.waiting import wait_until

VICTIM = SamplingParams(seed=666)
TOKENS = 30
PROMPTS = [tuple(range(3 + number, 43 + 3 * number)) for number in range(7)]


class FaultySampler(FollowingSampler):
    """Raises for the victim's row, for the whole batch, and changes the logits in place."""

    def __init__(self, at: int, error: type[Exception] = ZeroDivisionError) -> None:
        super().__init__()
        self.at, self.error = at, error

    def sample(self, logits: Any, inputs: list[SamplingInput]) -> list[SampledToken]:
        tokens = super().sample(logits, inputs)
        logits[:] = 999
        for sampling in inputs:
            if sampling.seed == VICTIM.seed and sampling.position == self.at:
                raise self.error("a fault")
        return tokens


def ask(engine: AsyncEngine, prompt: tuple[int, ...], **fields: Any) -> RequestHandle:
    return engine.generate(GenerationRequest((prompt,), max_tokens=TOKENS, **fields))


def check_others(engine: AsyncEngine, victim: Callable[[], RequestHandle], error: type) -> None:
    """Seven requests beside the victim's get exactly their own tokens."""
    first = [ask(engine, prompt) for prompt in PROMPTS[:4]]
    failing = victim()
    rest = [ask(engine, prompt) for prompt in PROMPTS[4:]]
    with pytest.raises(error):
        collect(failing)
    for prompt, handle in zip(PROMPTS, [*first, *rest], strict=True):
        assert collect(handle)[0].tokens == expected(prompt, TOKENS)
    stats = settled(engine)
    assert (stats.completed, stats.failed) == (7, 1)
    assert stats.kv_usage_ratio == 0
    assert engine.state is EngineState.READY


@pytest.mark.parametrize("at", [0, 1, 17])
def test_a_fault_in_choosing_a_token(at: int) -> None:
    engine = serve(fake_model(CountingRunner(), FaultySampler(at)))
    check_others(engine, lambda: ask(engine, (700,) * 50, params=VICTIM), GenerationFailed)


def test_an_answer_that_is_not_a_number() -> None:
    sampler = FollowingSampler()
    sampler.broken = lambda sampling: sampling.seed == VICTIM.seed and sampling.position == 5
    engine = serve(fake_model(CountingRunner(), sampler))
    check_others(engine, lambda: ask(engine, (700,) * 50, params=VICTIM), GenerationFailed)


def test_a_fault_in_decoding_text(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.engine.detokenizer import Detokenizer

    push = Detokenizer.push

    def fail(self: Detokenizer, token: int, logprob: Any = None) -> Any:
        if logprob == "broken":
            raise UnicodeError("a fault")
        return push(self, token, logprob)

    class Marking(FollowingSampler):
        def sample(self, logits: Any, inputs: list[SamplingInput]) -> list[SampledToken]:
            tokens = super().sample(logits, inputs)
            return [
                replace(token, logprob="broken") if each.seed == VICTIM.seed else token
                for token, each in zip(tokens, inputs, strict=True)
            ]

    monkeypatch.setattr(Detokenizer, "push", fail)
    engine = serve(fake_model(CountingRunner(), Marking()))
    check_others(engine, lambda: ask(engine, (700,) * 50, params=VICTIM), GenerationFailed)


class OneSlot:
    """Raises MemoryError, each time it is armed, in a step that `when` is true for."""

    def __init__(self, when: Callable[[Batch], bool], times: int = 1) -> None:
        self.when, self.left = when, times

    def __call__(self, batch: Batch) -> None:
        if self.left and self.when(batch):
            self.left -= 1
            raise MemoryError("no memory")


@pytest.mark.parametrize(
    "when",
    [
        lambda batch: any(chunk.tokens[0] == 700 for chunk in batch.prefill_chunks),
        lambda batch: len(batch.decode_rows) == 8,
    ],
    ids=["prefill", "decode"],
)
def test_memory_runs_out_in_a_step(when: Callable[[Batch], bool]) -> None:
    runner = CountingRunner()
    fault = OneSlot(when)
    check_the_youngest_is_lost(runner, FollowingSampler(), fault)
    assert not fault.left
    wait_until(lambda: not runner.cache)


def test_memory_runs_out_after_the_step() -> None:
    """What was computed cannot be taken back: the others compute it again."""
    check_the_youngest_is_lost(CountingRunner(), FaultySampler(6, MemoryError), lambda batch: None)


def check_the_youngest_is_lost(
    runner: CountingRunner, sampler: FollowingSampler, fault: Callable[[Batch], None]
) -> None:
    all_there = threading.Event()

    def step(batch: Batch) -> None:
        all_there.wait(10)
        fault(batch)

    runner.on_step = step
    engine = serve(fake_model(runner, sampler))
    handles = [ask(engine, prompt) for prompt in PROMPTS]
    youngest = ask(engine, (700,) * 50, params=VICTIM)
    all_there.set()
    with pytest.raises(OutOfMemory):
        collect(youngest)
    for prompt, handle in zip(PROMPTS, handles, strict=True):
        assert collect(handle)[0].tokens == expected(prompt, TOKENS)
    stats = settled(engine)
    assert (stats.completed, stats.failed) == (7, 1)
    assert engine.state is EngineState.READY


def test_twenty_times_in_a_row() -> None:
    runner = CountingRunner(slots=32)
    runner.on_step = OneSlot(lambda batch: True, times=20)
    engine = serve(fake_model(runner))
    lost = 0
    for handle in [ask(engine, PROMPTS[0]) for _ in range(30)]:
        try:
            assert collect(handle)[0].tokens == expected(PROMPTS[0], TOKENS)
        except OutOfMemory:
            lost += 1
    assert lost == 20
    stats = settled(engine)
    assert (stats.completed, stats.failed) == (10, 20)
    assert engine.state is EngineState.READY


def test_embeddings_are_whole_after_memory_ran_out() -> None:
    runner = CountingRunner()
    engine = serve(fake_model(runner))
    prompt = tuple(range(3, 403))
    alone = collect_vectors(engine.embed(EmbeddingRequest((prompt,))))
    runner.on_step = OneSlot(
        lambda batch: len(batch.prefill_chunks) > 1 and batch.prefill_chunks[0].start > 60
    )
    first = engine.embed(EmbeddingRequest((prompt,)))
    second = engine.embed(EmbeddingRequest((prompt,)))
    with pytest.raises(OutOfMemory):
        collect_vectors(second)
    assert collect_vectors(first) == alone


def test_faults_that_pass_end_the_engine_when_there_are_too_many() -> None:
    """The probe works, and yet every request fails."""
    runner = CountingRunner()

    def fail(batch: Batch) -> None:
        if batch.prefill_chunks[0].tokens != (0,):
            raise RuntimeError("a fault")

    runner.on_step = fail
    died: list[BaseException] = []
    engine = AsyncEngine(lambda: fake_model(runner))
    engine.start(on_failure=died.append)
    wait_until(lambda: engine.state is EngineState.READY)
    for _ in range(FAULTS_ALLOWED):
        with pytest.raises(GenerationFailed):
            collect(ask(engine, (5,)))
    wait_until(lambda: bool(died))
    assert len(died) == 1
    with pytest.raises(ShuttingDown):
        ask(engine, (5,))


def test_a_hung_step_is_told_to_all_who_wait() -> None:
    runner = CountingRunner(slots=4)
    hangs, released = threading.Event(), threading.Event()
    runner.on_step = lambda batch: released.wait() if hangs.is_set() else None
    died: list[BaseException] = []
    engine = AsyncEngine(lambda: fake_model(runner), hung_after_s=0.5)
    engine.start(on_failure=died.append)
    wait_until(lambda: engine.state is EngineState.READY)
    collect(ask(engine, (5,)))
    hangs.set()
    for handle in [ask(engine, (number,)) for number in range(3, 11)]:  # more than slots
        with pytest.raises(GenerationFailed):
            collect(handle)
    assert engine.state is EngineState.DEAD
    wait_until(lambda: bool(died))
    assert len(died) == 1
    with pytest.raises(EngineError):
        ask(engine, (5,))


def test_a_slow_model_does_not_hang() -> None:
    """Its first steps are given more time, and later ones as much as their tokens need."""
    runner = CountingRunner()
    runner.on_step = lambda batch: time.sleep(0.02 * batch.tokens)
    engine = serve_slow(runner)
    assert collect(ask(engine, tuple(range(3, 43))))[0].tokens
    assert engine.state is EngineState.READY


def serve_slow(runner: CountingRunner) -> AsyncEngine:
    engine = AsyncEngine(lambda: fake_model(runner), hung_after_s=0.2)
    engine.start(on_failure=lambda error: None)
    wait_until(lambda: engine.state is EngineState.READY)
    return engine
