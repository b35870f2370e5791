"""The inference engine: scheduler, cache slots, beam search, detokenizing; without torch.

This file is its interface for HTTP. `app.engine.async_engine` implements it; tests use
`tests.fakes.ScriptedEngine`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from app.engine.model_info import ModelInfo
from app.engine.request import ANONYMOUS, EmbeddingRequest, GenerationRequest, Owner
from app.engine.request_handle import RequestHandle
from app.engine.stats import DayUsage, EngineState, EngineStats
from app.engine.token_ids import TokenIds


class EngineStatus(Protocol):
    """What probes, metrics and the page show of an engine, here or upstream.

    Any thread may ask. `state` and `stats` take no lock.
    """

    @property
    def state(self) -> EngineState:
        """The engine's state. A step that does not end makes it DEAD."""

    @property
    def stats(self) -> EngineStats:
        """The counters as of the last step."""

    @property
    def info(self) -> ModelInfo:
        """Facts about the model. Raises Unavailable until it is loaded."""


class Engine(EngineStatus, Protocol):
    """A loaded (or still loading) model that answers many requests at once.

    Every method may be called from any thread.
    """

    def usage_today(self, owner: Owner) -> DayUsage:
        """What the owner's key has used on this day (UTC)."""

    def check_capacity(self, owner: Owner = ANONYMOUS) -> None:
        """Refuse a request of this owner before its body is read. A request that passes may
        still be refused by `generate` or `embed`.

        Raises:
            Unavailable: too many requests are in flight, or the engine accepts none.
        """

    def encode(self, text: str, *, allow_special: bool = False) -> TokenIds:
        """Token ids of `text`, with a leading BOS if the tokenizer adds one. The text of a
        special token becomes that token only with `allow_special`, which is for text from a
        template, in which users' texts are guarded (see `app.prompts.special_token_guard`)."""

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, without special tokens."""

    def generate(self, request: GenerationRequest) -> RequestHandle:
        """Accept a request, or refuse it. Events are Progress, PromptLogprobs and OutputDelta.

        Raises:
            InvalidRequest: the request can never be served. Errors in its JSON schema come later,
                from the handle's `wait_until_prepared`.
            Unavailable: not now.
        """

    def embed(self, request: EmbeddingRequest) -> RequestHandle:
        """As `generate`; events are Progress and Embedding."""
