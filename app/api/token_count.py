"""How many tokens the model would read of a conversation."""

from __future__ import annotations

from dataclasses import dataclass

from app.api.response_headers import ResponseHeaders
from app.connection.request_context import RequestContext
from app.generation.request import ChatInput
from app.generation.text_engine import TextEngine


@dataclass(frozen=True, slots=True)
class TokenCountRequest:
    """A valid request."""

    chat: ChatInput
    model: str | None
    ignored: tuple[str, ...]  #: paths of what was not read, sorted


def count_tokens(
    request: TokenCountRequest, engine: TextEngine, context: RequestContext
) -> tuple[int, ResponseHeaders]:
    """The number, and what of the request was not read.

    Raises:
        RequestRefused: there is no such model, its template does not take the conversation, or it
            is far too long.
        Unavailable: the model is still loading.
    """
    engine.served.check_model(request.model)
    tokens, _, unread = engine.tokenize(request.chat, None, context)
    return len(tokens), ResponseHeaders(tuple(sorted((*request.ignored, *unread))))
