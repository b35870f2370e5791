"""The route of /v1/completions."""

from __future__ import annotations

from dataclasses import asdict

from app.api.completions.request import CompletionsSchema
from app.api.completions.response_schema import Completion, CompletionChunk
from app.api.completions.view import create
from app.api.route import ENGINE_ERRORS, Route
from app.protocol.sampling import COMPLETION_DEFAULTS, NEUTRAL_DEFAULTS

ROUTES = (
    Route(
        path="/v1/completions",
        view=create,
        request=CompletionsSchema,
        response=Completion,
        chunk=CompletionChunk,
        errors=ENGINE_ERRORS,
        defaults={**NEUTRAL_DEFAULTS, **asdict(COMPLETION_DEFAULTS), "echo": False},
        example=lambda texts: {"prompt": texts.examples["embedded"]["chat"][0]},
    ),
)
