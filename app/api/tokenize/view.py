"""POST /tokenize and /detokenize, GET /tokenizer_info."""

from __future__ import annotations

from flask import Response

from app.api.json_http import json_response, read_object, request_context, text_engine
from app.api.tokenize import handler
from app.api.tokenize.response import tokenizer_body


def tokenize() -> Response:
    """The tokens of a prompt or a conversation."""
    return json_response(*handler.tokenize(read_object(), text_engine(), request_context()))


def detokenize() -> Response:
    """The text of token ids."""
    return json_response(*handler.detokenize(read_object(), text_engine()))


def describe() -> Response:
    """The tokenizer, for clients that work with ids."""
    engine = text_engine()
    template = engine.served.chat_template or engine.info.chat_template
    return json_response(tokenizer_body(engine.info, template))
