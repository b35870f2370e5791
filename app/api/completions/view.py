"""POST /v1/completions."""

from __future__ import annotations

from flask import Response

from app.api.completion import respond
from app.api.completions.handler import start_completion
from app.api.json_http import read_work, request_context, text_engine


def create() -> Response:
    """Continue one or more texts."""
    return respond(start_completion(read_work(), text_engine(), request_context()))
