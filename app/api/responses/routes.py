"""The routes of the Responses API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from app.api.responses.response_schema import InputTokens, ResponseBody, ResponseEvent
from app.api.responses.schema import InputTokensSchema, ResponsesSchema
from app.api.responses.view import count, create
from app.api.route import ENGINE_ERRORS, Route
from app.api.sse_format import RESPONSES_SSE
from app.protocol.sampling import NEUTRAL_DEFAULTS, RESPONSES_DEFAULTS
from app.translations import Translation


def _example(texts: Translation) -> Mapping[str, object]:
    return {"input": texts.examples["embedded"]["chat"][1]}


ROUTES = (
    Route(
        path="/v1/responses",
        view=create,
        request=ResponsesSchema,
        response=ResponseBody,
        chunk=ResponseEvent,
        sse_format=RESPONSES_SSE,
        errors=ENGINE_ERRORS,
        defaults={
            **NEUTRAL_DEFAULTS,
            **asdict(RESPONSES_DEFAULTS),
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "top_logprobs": 0,
            "truncation": "disabled",
        },
        example=_example,
    ),
    Route(
        path="/v1/responses/input_tokens",
        view=count,
        request=InputTokensSchema,
        response=InputTokens,
        errors=ENGINE_ERRORS,
        example=_example,
    ),
)
