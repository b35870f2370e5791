"""POST /v1/responses and /v1/responses/input_tokens."""

from __future__ import annotations

from flask import Response, current_app

from app.api.completion import respond
from app.api.json_http import json_response, read_object, read_work, request_context, text_engine
from app.api.responses.handler import count_input_tokens, start_response
from app.api.responses.item_store import ItemStore


def create() -> Response:
    """Answer a conversation."""
    return respond(start_response(read_work(), text_engine(), _item_store(), request_context()))


def count() -> Response:
    """Count what the model would read."""
    return json_response(
        *count_input_tokens(read_object(), text_engine(), _item_store(), request_context())
    )


def _item_store() -> ItemStore:
    store: ItemStore = current_app.extensions["item_store"]
    return store
