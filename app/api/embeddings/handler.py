"""A /v1/embeddings request, accepted by the engine or refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.api.embeddings.request import EmbeddingsRequest, read_embeddings
from app.api.embeddings.response import embeddings_body
from app.api.response_headers import ResponseHeaders
from app.connection.request_context import RequestContext
from app.generation.embedding_stream import EmbeddingStream
from app.generation.text_engine import TextEngine


@dataclass(frozen=True, slots=True)
class AcceptedEmbeddings:
    """A request that the engine has accepted."""

    request: EmbeddingsRequest
    stream: EmbeddingStream
    model: str

    @property
    def headers(self) -> ResponseHeaders:
        """What was ignored."""
        return ResponseHeaders(self.request.ignored)

    def body(self) -> Iterator[str]:
        """Wait for all vectors, and build the body."""
        vectors = self.stream.collect()
        return embeddings_body(self.request, self.model, vectors, self.stream.prompt_tokens)


def start_embeddings(
    data: Mapping[str, object], engine: TextEngine, context: RequestContext
) -> AcceptedEmbeddings:
    """Read the request and submit it.

    Raises:
        RequestRefused: it is wrong, or can never be served.
        Unavailable: not now.
    """
    request = read_embeddings(data)
    stream = engine.embed(request.text, context)
    return AcceptedEmbeddings(request, stream, engine.served.name_of(request.text.model))
