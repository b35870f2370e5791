"""POST /v1/completions.

Knows nothing about fields, templates or tokens.
"""

from __future__ import annotations

from flask import Response

from app.api import json_http
from app.api.completions.handler import start_completion
from app.api.completions.response import CompletionChunks, completion_body
from app.api.response_headers import ResponseHeaders
from app.api.sse import sse_response


def create() -> Response:
    """Continue one or more texts."""
    work = start_completion(
        json_http.read_call(), json_http.engine(), json_http.served(), json_http.caller()
    )
    call, generation = work.call, work.call.generation
    notes = ResponseHeaders(call.ignored, work.max_tokens_cut)
    if generation.stream:
        chunks = CompletionChunks(
            work.head, work.shapes, generation.include_usage, generation.tells_progress
        )
        return sse_response(work.pieces, chunks, json_http.caller(), notes)
    answers, usage = work.collect(json_http.caller())
    body = completion_body(work.head, answers, usage, work.shapes)
    return json_http.json_response(body, notes)
