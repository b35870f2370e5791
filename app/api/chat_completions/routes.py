"""The route of /v1/chat/completions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from app.api.chat_completions.request import ChatSchema
from app.api.chat_completions.response_schema import ChatCompletion, ChatCompletionChunk
from app.api.chat_completions.view import create
from app.api.route import ENGINE_ERRORS, Route
from app.protocol.sampling import CLASSIC_CHAT_DEFAULTS, NEUTRAL_DEFAULTS, OPENAI_CHAT_DEFAULTS
from app.translations import Translation

_DEFAULTS = {**NEUTRAL_DEFAULTS, **asdict(OPENAI_CHAT_DEFAULTS)}


def _example(texts: Translation) -> Mapping[str, object]:
    task = texts.examples["embedded"]["chat"][1]
    return {"messages": [{"role": "user", "content": task}]}


ROUTES = (
    Route(
        path="/v1/chat/completions",
        view=create,
        request=ChatSchema,
        response=ChatCompletion,
        chunk=ChatCompletionChunk,
        errors=ENGINE_ERRORS,
        defaults={**_DEFAULTS, "logprobs": False, "top_logprobs": 0},
        classic_defaults=asdict(CLASSIC_CHAT_DEFAULTS),
        example=_example,
    ),
)
