"""POST /v1/embeddings.

Knows nothing about fields, tokens or how a vector is made.
"""

from __future__ import annotations

from flask import Response

from app.api import json_http
from app.api.embeddings.handler import start_embeddings
from app.api.embeddings.request import embeddings_body
from app.api.response_headers import ResponseHeaders
from app.generation.collect import collect_vectors


def create() -> Response:
    """Embed one or more texts."""
    served, caller = json_http.served(), json_http.caller()
    work = start_embeddings(json_http.read_call(), json_http.engine(), served, caller)
    vectors = collect_vectors(work.stream, len(work.call.inputs), caller)
    body = embeddings_body(work.call, served.model_name, vectors, work.stream.prompt_tokens)
    return json_http.json_pieces(body, ResponseHeaders(work.call.ignored))
