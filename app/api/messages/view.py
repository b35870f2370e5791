"""POST /v1/messages and /v1/messages/count_tokens."""

from __future__ import annotations

from flask import Response

from app.api.completion import respond
from app.api.json_http import (
    json_response,
    read_object,
    read_work,
    request_context,
    text_engine,
)
from app.api.messages import handler


def create() -> Response:
    """Answer a conversation."""
    return respond(handler.start_message(read_work(), text_engine(), request_context()))


def count_tokens() -> Response:
    """Count the tokens of a conversation."""
    return json_response(
        *handler.count_message_tokens(read_object(), text_engine(), request_context())
    )
