"""POST /v1/chat/completions.

Knows nothing about fields, templates or tokens.
"""

from __future__ import annotations

from flask import Response

from app.api import wire
from app.api.sse import sse_response
from app.calls.chat import start_chat
from app.calls.collecting import collect_answers
from app.schemas.chat import ChatChunks, chat_body


def create() -> Response:
    """Answer a conversation."""
    work = start_chat(wire.read_object(), wire.engine(), wire.served())
    call, generation = work.call, work.call.generation
    if generation.stream:
        chunks = ChatChunks(work.head, generation.n, generation.include_usage)
        return sse_response(work.stream, chunks, wire.connection(), call.ignored)
    collected = collect_answers(work.stream, generation.n, wire.connection())
    body = chat_body(work.head, call.echoed, collected.answers, collected.usage)
    return wire.json_response(body, call.ignored)
