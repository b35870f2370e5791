"""POST /v1/chat/completions.

Knows nothing about fields, templates or tokens.
"""

from __future__ import annotations

from flask import Response

from app.api import wire
from app.api.notes import Notes
from app.api.sse import sse_response
from app.calls.chat import start_chat
from app.schemas.chat_answers import ChatChunks, chat_body, classic_chat_body


def create() -> Response:
    """Answer a conversation."""
    work = start_chat(wire.read_call(), wire.engine(), wire.served(), wire.caller())
    call, generation = work.call, work.call.generation
    notes = Notes(call.ignored, work.max_tokens_cut)
    if generation.stream:
        chunks = ChatChunks(
            work.head, work.shapes, generation.include_usage, generation.tells_progress
        )
        return sse_response(work.pieces, chunks, wire.caller(), notes)
    answers, usage = work.collect(wire.caller())
    if call.conversation.classic:
        turns = call.conversation.messages
        body = classic_chat_body(work.head, turns, answers, usage, work.shapes)
    else:
        body = chat_body(work.head, answers, usage, work.shapes)
    return wire.json_response(body, notes)
