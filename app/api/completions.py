"""POST /v1/completions.

Knows nothing about fields, templates or tokens.
"""

from __future__ import annotations

from flask import Response

from app.api import wire
from app.api.notes import Notes
from app.api.sse import sse_response
from app.calls.completions import start_completion
from app.schemas.completion_answers import CompletionChunks, completion_body


def create() -> Response:
    """Continue one or more texts."""
    work = start_completion(wire.read_call(), wire.engine(), wire.served(), wire.caller())
    call, generation = work.call, work.call.generation
    notes = Notes(call.ignored, work.max_tokens_cut)
    if generation.stream:
        chunks = CompletionChunks(
            work.head, work.shapes, generation.include_usage, generation.tells_progress
        )
        return sse_response(work.pieces, chunks, wire.caller(), notes)
    answers, usage = work.collect(wire.caller())
    body = completion_body(work.head, answers, usage, work.shapes)
    return wire.json_response(body, notes)
