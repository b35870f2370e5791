"""The engine as the routes see it: text, messages or ids in, text deltas out.

`LocalTextEngine` implements it over the token-level `app.engine.Engine` of this process; an
engine on another server can implement it too.
"""

from __future__ import annotations

from typing import Protocol

from app.connection.request_context import RequestContext
from app.engine.types import ModelInfo, Owner, TokenIds
from app.generation.embedding_stream import EmbeddingStream
from app.generation.request import ChatInput, TextEmbeddingRequest, TextRequest
from app.generation.served_model import ServedModel
from app.generation.text_stream import TextStream


class TextEngine(Protocol):
    """Any thread may call every method."""

    @property
    def served(self) -> ServedModel:
        """The names and templates of the model."""

    @property
    def info(self) -> ModelInfo:
        """Facts about the model. Raises Unavailable until it is loaded."""

    def check_capacity(self, owner: Owner) -> None:
        """Refuse a request of this owner before its body is read.

        Raises:
            Unavailable: nothing of this owner would be accepted now.
        """

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
    ) -> tuple[TokenIds, str]:
        """The tokens that `generate` would read, and the text they are made of.

        Raises:
            RequestRefused: the template does not take this conversation, or it is too long.
            Unavailable: the model is still loading.
        """

    def tokenize_bare(self, text: str, template: str | None) -> tuple[TokenIds, str]:
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
