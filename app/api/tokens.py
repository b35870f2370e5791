"""POST /tokenize and /detokenize, GET /tokenizer_info.

Knows nothing about fields, templates or tokens.
"""

from __future__ import annotations

from flask import Response

from app.api import wire
from app.api.notes import Notes
from app.calls.tokens import count_tokens, join_tokens
from app.schemas.tokens import detokenize_body, tokenize_body, tokenizer_body


def tokenize() -> Response:
    """What the model would read of a prompt or a conversation."""
    engine = wire.engine()
    counted = count_tokens(wire.read_object(), engine, wire.served(), wire.caller())
    call, length = counted.call, engine.info.max_model_len
    body = tokenize_body(counted.tokens, counted.text, length, count_only=call.count_only)
    return wire.json_response(body, Notes(call.ignored))


def detokenize() -> Response:
    """The text of token ids."""
    joined = join_tokens(wire.read_object(), wire.engine(), wire.served())
    return wire.json_response(detokenize_body(joined.text), Notes(joined.call.ignored))


def describe() -> Response:
    """The tokenizer, for clients that work with ids."""
    info, served = wire.engine().info, wire.served()
    return wire.json_response(tokenizer_body(info, served.chat_template or info.chat_template))
