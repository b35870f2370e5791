"""Inter-token latency of running requests beside 256 embeddings and beside one long prompt.

The engine runs in this process: HTTP threads would disturb measurements of milliseconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from statistics import median

import pytest

from app.build import build_engine
from app.checkpoint.check import check_model
from app.engine import Engine, output_buffer
from app.engine.async_engine import AsyncEngine
from app.engine.events import OutputDelta
from app.engine.request import EmbeddingRequest, GenerationRequest, SamplingParams
from app.engine.request_handle import RequestHandle
from config import Config
from tests.harness.in_process import collect_vectors, start
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.quiet

STREAMS = 8
SENTENCES = 256
LIMIT_STEPS = 3.0
CALLS = 6
MOST_CALLS = 24  #: repeated if the first were disturbed by other processes


@pytest.fixture(scope="module")
def engine() -> Iterator[AsyncEngine]:
    """The embedded model in this process; tokens are sent after each step, to be timed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(output_buffer, "GATHER_S", 0.0)
        yield from _running()


def _running() -> Iterator[AsyncEngine]:
    config = Config(ONLY_CPU=True)
    engine = start(build_engine(config, check_model(config)))
    yield engine
    engine.drain(0)


def follow(handle: RequestHandle, times: list[float]) -> None:
    """Record the time of each token."""
    while not handle.done:
        for event in handle.next_events(30):
            if isinstance(event, OutputDelta):
                times.append(time.monotonic())


def gaps_in_steps(engine: Engine, sentences: EmbeddingRequest) -> list[float]:
    """The inter-token latencies while the call ran, in units of the usual step time."""
    request = GenerationRequest(
        (engine.encode("你好"),), SamplingParams(temperature=0), max_tokens=250, ignore_eos=True
    )
    handles = [engine.generate(request) for _ in range(STREAMS)]
    times: list[float] = []
    watcher = threading.Thread(target=follow, args=(handles[0], times))
    watcher.start()
    # The usual step time, before the call.
    wait_until(lambda: len(times) >= 60, lambda: f"{len(times)} tokens only", pause_s=0.001)
    begin = time.monotonic()
    collect_vectors(engine.embed(sentences))
    end = time.monotonic()
    watcher.join()
    for handle in handles[1:]:
        follow(handle, [])
    gaps = [(at, at - before) for before, at in pairwise(times)]
    usual = median(gap for at, gap in gaps if at < begin)
    return [gap / usual for at, gap in gaps if begin < at < end]


def test_an_embeddings_call_does_not_stop_streams(engine: Engine) -> None:
    texts = (f"第{index}句：今天天气真不错。" for index in range(SENTENCES))
    sentences = EmbeddingRequest(tuple(engine.encode(text) for text in texts))
    # Every call takes the same steps: the shortest time of each is the one without disturbance.
    calls = [gaps_in_steps(engine, sentences) for _ in range(CALLS)]
    while max(worst := shortest(calls)) > LIMIT_STEPS and len(calls) < MOST_CALLS:
        calls.append(gaps_in_steps(engine, sentences))
    assert min(map(len, calls)) > 10, "the streams stood still while the call ran"
    print(
        f"beside {SENTENCES} sentences: worst gap {max(worst):.1f} usual steps, median "
        f"{median(worst):.1f}; single calls {[round(max(gaps), 1) for gaps in calls]}"
    )
    assert max(worst) <= LIMIT_STEPS


def shortest(calls: list[list[float]]) -> list[float]:
    """The shortest latency of each step over all calls."""
    return [min(gaps) for gaps in zip(*calls, strict=False)]


def step_beside(engine: Engine, first_prompt: int) -> float:
    """Usual step time in seconds of sixteen requests: one with a prompt of `first_prompt` tokens,
    fifteen with 96."""

    def ask(length: int, max_tokens: int) -> RequestHandle:
        return engine.generate(
            GenerationRequest(((1, *[300] * (length - 1)),), max_tokens=max_tokens, ignore_eos=True)
        )

    handles = [ask(first_prompt, 64), *(ask(96, 120) for _ in range(15))]
    times: list[list[float]] = [[] for _ in handles]
    watchers = [
        threading.Thread(target=follow, args=pair) for pair in zip(handles, times, strict=True)
    ]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join()
    begin, end = max(mine[0] for mine in times), times[0][-1]
    gaps = [at - before for before, at in pairwise(times[1]) if before >= begin and at <= end]
    assert len(gaps) > 8, "they hardly ran together"
    return median(gaps)


def test_one_long_prompt_slows_others_little(engine: Engine) -> None:
    pairs = [(step_beside(engine, 960), step_beside(engine, 96)) for _ in range(CALLS // 2)]
    long, alike = (min(times) for times in zip(*pairs, strict=True))
    print(f"a step with one context of 1,024: {1000 * long:.1f} ms; alike: {1000 * alike:.1f} ms")
    assert long <= 2 * alike
