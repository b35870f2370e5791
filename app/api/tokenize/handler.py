"""Tokens of a prompt or a conversation, and the text of tokens. Nothing is generated."""

from __future__ import annotations

from collections.abc import Mapping

from app.api.response_headers import ResponseHeaders
from app.api.tokenize.request import read_detokenize, read_tokenize
from app.api.tokenize.response import detokenize_body, tokenize_body
from app.connection.request_context import RequestContext
from app.generation.text_engine import TextEngine

TokenizeResponse = tuple[dict[str, object], ResponseHeaders]


def tokenize(
    data: Mapping[str, object], engine: TextEngine, context: RequestContext
) -> TokenizeResponse:
    """The tokens that the text routes would read of the same prompt or messages.

    Raises:
        RequestRefused: the request is wrong, or far too long.
        Unavailable: the model is still loading.
    """
    request = read_tokenize(data)
    engine.served.check_model(request.model)
    source, template = request.source, request.template
    if request.bare and isinstance(source, str):
        tokens, text, unread = engine.tokenize_bare(source, template)
    else:
        tokens, text, unread = engine.tokenize(source, template, context)
    length = engine.info.max_model_len
    body = tokenize_body(tokens, text, length, count_only=request.count_only)
    return body, ResponseHeaders(tuple(sorted((*request.ignored, *unread))))


def detokenize(data: Mapping[str, object], engine: TextEngine) -> TokenizeResponse:
    """The text of the request's tokens.

    Raises:
        RequestRefused: the request is wrong.
        Unavailable: the model is still loading.
    """
    request = read_detokenize(data)
    engine.served.check_model(request.model)
    body = detokenize_body(engine.detokenize(request.tokens))
    return body, ResponseHeaders(request.ignored)
