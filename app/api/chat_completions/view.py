"""POST /v1/chat/completions."""

from __future__ import annotations

from flask import Response

from app.api.chat_completions.handler import start_chat
from app.api.completion import respond
from app.api.json_http import read_work, request_context, text_engine


def create() -> Response:
    """Answer a conversation."""
    return respond(start_chat(read_work(), text_engine(), request_context()))
