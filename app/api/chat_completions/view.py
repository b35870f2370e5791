"""POST /v1/chat/completions.

Knows nothing about fields, templates or tokens.
"""

from __future__ import annotations

from flask import Response

from app.api import json_http
from app.api.chat_completions.handler import start_chat
from app.api.chat_completions.response import ChatChunks, chat_body, classic_chat_body
from app.api.response_headers import ResponseHeaders
from app.api.sse import sse_response


def create() -> Response:
    """Answer a conversation."""
    work = start_chat(
        json_http.read_call(), json_http.engine(), json_http.served(), json_http.caller()
    )
    call, generation = work.call, work.call.generation
    notes = ResponseHeaders(call.ignored, work.max_tokens_cut)
    if generation.stream:
        chunks = ChatChunks(
            work.head, work.shapes, generation.include_usage, generation.tells_progress
        )
        return sse_response(work.pieces, chunks, json_http.caller(), notes)
    answers, usage = work.collect(json_http.caller())
    if call.conversation.classic:
        turns = call.conversation.messages
        body = classic_chat_body(work.head, turns, answers, usage, work.shapes)
    else:
        body = chat_body(work.head, answers, usage, work.shapes)
    return json_http.json_response(body, notes)
