"""POST /tokenize and /detokenize, GET /tokenizer_info.

Knows nothing about fields, templates or tokens.
"""

from __future__ import annotations

from flask import Response

from app.api import json_http
from app.api.response_headers import ResponseHeaders
from app.api.tokenize.handler import count_tokens, join_tokens
from app.api.tokenize.request import detokenize_body, tokenize_body, tokenizer_body


def tokenize() -> Response:
    """What the model would read of a prompt or a conversation."""
    engine = json_http.engine()
    counted = count_tokens(json_http.read_object(), engine, json_http.served(), json_http.caller())
    call, length = counted.call, engine.info.max_model_len
    body = tokenize_body(counted.tokens, counted.text, length, count_only=call.count_only)
    return json_http.json_response(body, ResponseHeaders(call.ignored))


def detokenize() -> Response:
    """The text of token ids."""
    joined = join_tokens(json_http.read_object(), json_http.engine(), json_http.served())
    return json_http.json_response(
        detokenize_body(joined.text), ResponseHeaders(joined.call.ignored)
    )


def describe() -> Response:
    """The tokenizer, for clients that work with ids."""
    info, served = json_http.engine().info, json_http.served()
    return json_http.json_response(tokenizer_body(info, served.chat_template or info.chat_template))
