"""Requests put to an engine in this process, and when their tokens came.

Knows nothing about HTTP or about how a model is loaded.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from itertools import pairwise

from app.engine.async_engine import AsyncEngine
from app.engine.events import OutputDelta
from app.engine.loaded_model import LoadedModel
from app.engine.request import GenerationRequest, SamplingParams
from app.engine.request_handle import RequestHandle
from app.engine.token_ids import TokenIds

SILENCE_S = 300.0


def start(model: LoadedModel) -> AsyncEngine:
    """An engine over a loaded model."""
    ready = threading.Event()
    engine = AsyncEngine(lambda: model)
    engine.start(lambda info: ready.set())
    ready.wait()
    return engine


def random_ids(count: int, seed: object, vocab_size: int = 20000) -> TokenIds:
    """`count` token ids, the same for a seed."""
    draw = random.Random(repr(seed))
    return tuple(draw.randrange(3, vocab_size) for _ in range(count))


def greedy(*prompts: TokenIds, tokens: int, n: int = 1) -> GenerationRequest:
    """A request that generates just `tokens` for each of `n` choices of each prompt."""
    return GenerationRequest(
        prompts, SamplingParams(temperature=0), n=n, max_tokens=tokens, ignore_eos=True
    )


@dataclass(slots=True)
class Answer:
    """What has come of one request."""

    asked_s: float
    moments: list[float] = field(default_factory=list)  #: of each event with tokens
    ids: list[int] = field(default_factory=list)  #: of the first choice

    @property
    def first_token_s(self) -> float:
        """Seconds until the first token."""
        return self.moments[0] - self.asked_s

    @property
    def gaps_s(self) -> list[float]:
        """Seconds between events with tokens."""
        return [b - a for a, b in pairwise(self.moments)]

    def follow(self, handle: RequestHandle) -> Answer:
        """Take every event of `handle`."""
        while not handle.done:
            for event in handle.next_events(SILENCE_S):
                if isinstance(event, OutputDelta) and event.token_ids:
                    self.moments.append(time.perf_counter())
                    if event.index == 0:
                        self.ids += event.token_ids
        return self


def ask(engine: AsyncEngine, request: GenerationRequest) -> Answer:
    """Put the request and wait for its end."""
    answer = Answer(time.perf_counter())
    return answer.follow(engine.generate(request))
