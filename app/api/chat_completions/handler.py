"""A /v1/chat/completions request, accepted by the engine or refused."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from app.api.chat_completions.request import ChatCompletionRequest, read_chat
from app.api.chat_completions.response import ChatChunks, chat_body, classic_chat_body
from app.api.completion_meta import CompletionMeta, new_completion_meta
from app.api.logprobs import LogprobFormatter
from app.api.response_headers import ResponseHeaders
from app.connection.request_context import RequestContext
from app.generation.text_engine import TextEngine
from app.generation.text_stream import TextStream

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AcceptedChat:
    """Implements `app.api.completion.AcceptedCompletion`."""

    request: ChatCompletionRequest
    stream: TextStream
    meta: CompletionMeta
    logprobs: LogprobFormatter | None  #: where logprobs are asked for

    @property
    def streamed(self) -> bool:
        """Whether the client asked for a stream."""
        return self.request.streaming.stream

    @property
    def headers(self) -> ResponseHeaders:
        """What was ignored, or not shown to the model, and what was cut."""
        ignored = sorted((*self.request.ignored, *self.stream.unread_fields))
        return ResponseHeaders(tuple(ignored), self.stream.max_tokens_cut)

    def body(self) -> dict[str, object]:
        """Wait for the whole answer, and build its body in the request's dialect."""
        choices, usage = self.stream.collect()
        conversation = self.request.conversation
        if conversation.classic:
            turns = conversation.messages
            return classic_chat_body(self.meta, turns, choices, usage, self.logprobs)
        return chat_body(self.meta, choices, usage, self.logprobs)

    def chunks(self) -> ChatChunks:
        """The shapes of the answer's chunks."""
        return ChatChunks(self.meta, self.logprobs, self.request.streaming)


def start_chat(
    data: Mapping[str, object], engine: TextEngine, context: RequestContext
) -> AcceptedChat:
    """Read the request and submit it.

    Raises:
        RequestRefused: it is wrong, or can never be served.
        Unavailable: not now.
    """
    request = read_chat(data)
    stream = engine.generate(request.text, context)
    if request.has_tools:
        _log.warning("tools are not served yet: a request that offers some is answered in text")
    meta = new_completion_meta("chatcmpl", engine)
    logprobs = LogprobFormatter(engine.info) if request.logprobs else None
    return AcceptedChat(request, stream, meta, logprobs)
