"""A /v1/messages request, accepted by the engine or refused; and the tokens of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import shortuuid

from app.api.completion import AcceptedCompletion
from app.api.messages.request import read_count_tokens, read_messages
from app.api.messages.response import MessageEvents, MessageMeta
from app.api.response_headers import ResponseHeaders
from app.api.token_count import count_tokens
from app.connection.request_context import RequestContext
from app.generation.text_engine import TextEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedMessage(AcceptedCompletion):
    """Answers with one message."""

    meta: MessageMeta

    def body(self) -> dict[str, object]:
        """Wait for the whole answer, and build its body of the same blocks as a stream's."""
        message = self.chunks()
        for delta in self.stream.all_deltas():
            message.delta(delta)
        return message.whole(self.stream.usage)

    def chunks(self) -> MessageEvents:
        """The events of the answer's stream."""
        return MessageEvents(self.meta, self.streaming)


def start_message(
    data: Mapping[str, object], engine: TextEngine, context: RequestContext
) -> AcceptedMessage:
    """Read the request and submit it.

    Raises:
        RequestRefused: it is wrong, or can never be served.
        Unavailable: not now.
    """
    request = read_messages(data, engine.sampling_defaults)
    stream = engine.generate(request.text, context)
    return AcceptedMessage(
        stream=stream,
        meta=MessageMeta(f"msg_{shortuuid.uuid()}", engine.served.name_of(request.text.model)),
        streaming=request.streaming,
        ignored=request.ignored,
    )


def count_message_tokens(
    data: Mapping[str, object], engine: TextEngine, context: RequestContext
) -> tuple[dict[str, object], ResponseHeaders]:
    """How many tokens /v1/messages would read.

    Raises:
        RequestRefused: the request is wrong, or far too long.
        Unavailable: the model is still loading.
    """
    count, headers = count_tokens(read_count_tokens(data), engine, context)
    return {"input_tokens": count}, headers
