"""POST /v1/completions.

Knows nothing about fields, templates or tokens.
"""

from __future__ import annotations

from flask import Response

from app.api import wire
from app.api.sse import sse_response
from app.calls.collecting import collect_answers
from app.calls.completions import start_completion
from app.schemas.completions import CompletionChunks, completion_body


def create() -> Response:
    """Continue one or more texts."""
    work = start_completion(wire.read_object(), wire.engine(), wire.served())
    call = work.call
    if call.generation.stream:
        chunks = CompletionChunks(work.head, call.generation.include_usage)
        return sse_response(work.stream, chunks, wire.connection(), call.ignored)
    collected = collect_answers(work.stream, call.choices, wire.connection())
    body = completion_body(work.head, collected.answers, collected.usage)
    return wire.json_response(body, call.ignored)
