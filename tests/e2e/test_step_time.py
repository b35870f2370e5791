"""How long running answers wait while a call embeds 256 sentences, in the engine itself.

Knows nothing about HTTP, whose threads would blur what is measured in milliseconds.
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
from app.engine import Engine
from app.engine.service import EngineService
from app.engine.ticket import Ticket
from app.engine.types import Delta, EmbeddingRequest, GenerationRequest, SamplingParams
from config import Config
from tests.model.serving import collect_vectors, start

STREAMS = 8
SENTENCES = 256
LIMIT_STEPS = 3.0
CALLS = 6


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineService]:
    """The embedded model, in this process."""
    config = Config(ONLY_CPU=True)
    engine = start(build_engine(config, check_model(config)))
    yield engine
    engine.drain(0)


def follow(ticket: Ticket, times: list[float]) -> None:
    """Note when each token came."""
    while not ticket.done:
        for event in ticket.next_events(30):
            if isinstance(event, Delta):
                times.append(time.monotonic())


def gaps_in_steps(engine: Engine, sentences: EmbeddingRequest) -> list[float]:
    """The waits for a token while the call ran, one after the other, in usual steps."""
    request = GenerationRequest(
        (engine.encode("你好"),), SamplingParams(temperature=0), max_tokens=250, ignore_eos=True
    )
    tickets = [engine.generate(request) for _ in range(STREAMS)]
    times: list[float] = []
    watcher = threading.Thread(target=follow, args=(tickets[0], times))
    watcher.start()
    while len(times) < 60:  # the usual step, before the call
        time.sleep(0.001)
    begin = time.monotonic()
    collect_vectors(engine.embed(sentences))
    end = time.monotonic()
    watcher.join()
    for ticket in tickets[1:]:
        follow(ticket, [])
    gaps = [(at, at - before) for before, at in pairwise(times)]
    usual = median(gap for at, gap in gaps if at < begin)
    return [gap / usual for at, gap in gaps if begin < at < end]


def test_an_embeddings_call_does_not_stop_streams(engine: Engine) -> None:
    texts = (f"第{number}句：今天天气真不错。" for number in range(SENTENCES))
    sentences = EmbeddingRequest(tuple(engine.encode(text) for text in texts))
    # Every call takes the same steps: the shortest time of each is its own, free of what
    # else this machine did.
    calls = [gaps_in_steps(engine, sentences) for _ in range(CALLS)]
    assert min(map(len, calls)) > 10, "the streams stood still while the call ran"
    shortest = [min(gaps) for gaps in zip(*calls, strict=False)]
    print(
        f"beside {SENTENCES} sentences: worst gap {max(shortest):.1f} usual steps, median "
        f"{median(shortest):.1f}; single calls {[round(max(gaps), 1) for gaps in calls]}"
    )
    assert max(shortest) <= LIMIT_STEPS
