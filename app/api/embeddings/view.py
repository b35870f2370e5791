"""POST /v1/embeddings."""

from __future__ import annotations

from flask import Response

from app.api.embeddings.handler import start_embeddings
from app.api.json_http import json_pieces, read_work, request_context, text_engine


def create() -> Response:
    """Embed one or more texts."""
    embeddings = start_embeddings(read_work(), text_engine(), request_context())
    return json_pieces(embeddings.body(), embeddings.headers)
