"""POST /v1/embeddings.

Knows nothing about fields, tokens or how a vector is made.
"""

from __future__ import annotations

from flask import Response

from app.api import wire
from app.api.notes import Notes
from app.calls.collecting import collect_vectors
from app.calls.embeddings import start_embeddings
from app.schemas.embeddings import embeddings_body


def create() -> Response:
    """Embed one or more texts."""
    served, caller = wire.served(), wire.caller()
    work = start_embeddings(wire.read_call(), wire.engine(), served, caller)
    vectors = collect_vectors(work.stream, len(work.call.inputs), caller)
    body = embeddings_body(work.call, served.model_name, vectors, work.stream.prompt_tokens)
    return wire.json_pieces(body, Notes(work.call.ignored))
