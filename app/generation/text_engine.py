"""The engine as the routes see it: text, messages or ids in, text deltas out.

`LocalTextEngine` implements it over the token-level `app.engine.Engine` of this process; an
engine on another server can implement it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from app.connection.request_context import RequestContext
from app.engine.model_info import ModelInfo
from app.engine.request import Owner
from app.engine.stats import DayUsage
from app.engine.token_ids import TokenIds
from app.generation.embedding_stream import EmbeddingStream
from app.generation.request import ChatInput, TextEmbeddingRequest, TextRequest
from app.generation.results import TokenizedPrompt
from app.generation.served_model import ServedModel
from app.generation.text_stream import TextStream
from app.generation.tool_call_deltas import ToolCallCounter


class TextEngine(Protocol):
    """Any thread may call every method."""

    @property
    def served(self) -> ServedModel:
        """The names and templates of the model."""

    @property
    def info(self) -> ModelInfo:
        """Facts about the model. Raises Unavailable until it is loaded."""

    @property
    def sampling_defaults(self) -> Mapping[str, float]:
        """The model's own, of fields that a request does not give, by name; none until it is
        loaded."""

    @property
    def tool_calls(self) -> ToolCallCounter:
        """Tool calls in the answers since the start."""

    def check_capacity(self, owner: Owner) -> None:
        """Refuse a request of this owner before its body is read.

        Raises:
            Unavailable: nothing of this owner would be accepted now.
        """

    def usage_today(self, owner: Owner) -> DayUsage:
        """What the owner's key has used on this day (UTC)."""

    def generate(self, request: TextRequest, context: RequestContext) -> TextStream:
        """Accept a request, or refuse it.

        Raises:
            RequestRefused: it is wrong, or can never be served.
            Unavailable: not now.
        """

    def embed(self, request: TextEmbeddingRequest, context: RequestContext) -> EmbeddingStream:
        """As `generate`."""

    def tokenize(
        self, source: str | ChatInput, template: str | None, context: RequestContext
    ) -> TokenizedPrompt:
        """The tokens that `generate` would read, and the text they are made of.

        Raises:
            RequestRefused: the template does not take this conversation, or it is too long.
            Unavailable: the model is still loading.
        """

    def tokenize_bare(self, text: str, template: str | None) -> TokenizedPrompt:
        """The tokens of a text alone, without BOS; a template only where one is named.

        Raises:
            RequestRefused: the text is too long.
            Unavailable: the model is still loading.
        """

    def detokenize(self, tokens: TokenIds) -> str:
        """The text of token ids, special tokens left out.

        Raises:
            BadRequest: an id is not in the vocabulary.
            Unavailable: the model is still loading.
        """
