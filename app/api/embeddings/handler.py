"""A /v1/embeddings request, accepted by the engine or refused.

Knows nothing about Flask or pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.api.embeddings.request import EmbeddingsCall, read_embeddings
from app.connection.request_context import RequestContext
from app.engine import Engine
from app.engine.request_handle import RequestHandle
from app.engine.types import EmbeddingRequest
from app.generation import ServedModel
from app.generation.rendering import plain_prompt
from app.generation.submission import encode_items, engine_errors_as_fields
from app.protocol.loading import field_error

#: Tokens of all inputs together, as many as OpenAI takes.
MAX_TOKENS = 300_000


@dataclass(frozen=True, slots=True)
class EmbeddingsWork:
    """A request the engine has accepted."""

    call: EmbeddingsCall
    stream: RequestHandle


def start_embeddings(
    data: Mapping[str, object], engine: Engine, served: ServedModel, caller: RequestContext
) -> EmbeddingsWork:
    """Read the request and submit it.

    Raises:
        RequestRefused: it is wrong, or can never be served.
        Unavailable: not now.
    """
    call = read_embeddings(data)
    served.check_model(call.model)
    size = engine.info.hidden_size
    if call.dimensions is not None and call.dimensions > size:
        raise field_error("dimensions", f"must be a whole number from 1 to {size}")
    inputs = encode_items(engine, call.inputs, "input", call.is_list, plain_prompt)
    total = sum(map(len, inputs))
    if total > MAX_TOKENS:
        raise field_error(
            "input", f"has {total} tokens in all; at most {MAX_TOKENS} in one request"
        )
    with engine_errors_as_fields("input", is_list=call.is_list):
        stream = engine.embed(EmbeddingRequest(inputs, caller.owner))
    return EmbeddingsWork(call, stream)
