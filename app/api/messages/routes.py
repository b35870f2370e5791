"""The routes of Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from app.api.messages.request import CountTokensSchema, MessagesSchema
from app.api.messages.response_schema import CountedTokens, MessageBody, MessageEvent
from app.api.messages.view import count_tokens, create
from app.api.route import ENGINE_ERRORS, Route
from app.api.sse_format import ANTHROPIC_SSE
from app.protocol.sampling import MESSAGES_DEFAULTS, NEUTRAL_DEFAULTS
from app.translations import Translation


def _conversation(texts: Translation) -> Mapping[str, object]:
    return {"messages": [{"role": "user", "content": texts.examples["embedded"]["chat"][1]}]}


def _example(texts: Translation) -> Mapping[str, object]:
    return {"max_tokens": 100, **_conversation(texts)}


ROUTES = (
    Route(
        path="/v1/messages",
        view=create,
        request=MessagesSchema,
        response=MessageBody,
        chunk=MessageEvent,
        sse_format=ANTHROPIC_SSE,
        errors=ENGINE_ERRORS,
        defaults={**NEUTRAL_DEFAULTS, **asdict(MESSAGES_DEFAULTS)},
        example=_example,
    ),
    Route(
        path="/v1/messages/count_tokens",
        view=count_tokens,
        request=CountTokensSchema,
        response=CountedTokens,
        errors=ENGINE_ERRORS,
        example=_conversation,
    ),
)
