"""The inference engine: scheduler, cache slots, beam search, detokenizing; without torch.

This file is its interface: what HTTP may call, and the records it gets back. `app.build` makes the
real engine, tests use a scripted one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.engine.types import (
    EVERYBODY,
    EmbeddingRequest,
    EngineState,
    Event,
    GenerationRequest,
    ModelInfo,
    Owner,
    Stats,
    TokenIds,
)


class Stream(Protocol):
    """One accepted request's way back. Used by one HTTP thread."""

    prompt_tokens: int  #: over all prompts or inputs
    cached_tokens: int  #: of them, those that were not computed again
    room: int  #: tokens an answer may have; of several prompts, the least

    @property
    def done(self) -> bool:
        """True when every choice has finished and all events were taken."""

    def next_events(self, timeout_s: float) -> list[Event]:
        """Wait for at least one event, then take all there are; [] when the time is up.

        Raises:
            EngineError: the request failed; nothing more will come.
        """

    def wake(self) -> None:
        """End a wait in `next_events` now, which then returns []. Any thread may call it."""

    def prepared(self, timeout_s: float) -> bool:
        """Wait until what the answer needs is there, such as the grammar of its schema; False
        when the time is up. What is wrong with the request is known then.

        Raises:
            EngineError: the request failed; nothing more will come.
        """

    def cancel(self) -> None:
        """Give the request's place back. Harmless when it is done, and when called twice."""


class Engine(Protocol):
    """A loaded (or still loading) model that answers many requests at once.

    Every method may be called from any thread. `state` and `stats` take no lock.
    """

    @property
    def state(self) -> EngineState:
        """Where the engine is in its life; also tells a hung engine (DEAD)."""

    @property
    def stats(self) -> Stats:
        """The counters as of the last step."""

    @property
    def info(self) -> ModelInfo:
        """Facts about the model. Raises Unavailable until it is loaded."""

    def check_room(self, owner: Owner = EVERYBODY) -> None:
        """Refuse a request of this owner before anybody reads it. Whoever passes may still be
        refused.

        Raises:
            Unavailable: no place is free for it, or nothing is accepted any more.
        """

    def encode(self, text: str, *, allow_special: bool = False) -> TokenIds:
        """Token ids of `text`, BOS first where the tokenizer says so. A control token's
        spelling becomes that token only with `allow_special` (text from a template, in which
        users' own spellings are already broken up: see `app.prompts`)."""

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, control tokens left out."""

    def generate(self, request: GenerationRequest) -> Stream:
        """Accept a request, or refuse it. Events are Progress, PromptScores and Delta.

        Raises:
            InvalidRequest: it can never be served as asked. A schema is tried later: what is
                wrong with it, the stream's `prepared` raises.
            Unavailable: not now.
        """

    def embed(self, request: EmbeddingRequest) -> Stream:
        """As `generate`; events are Progress and Vector."""
