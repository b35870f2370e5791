"""A /v1/chat/completions request, accepted by the engine or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.api.chat_completions.request import read_chat
from app.api.chat_completions.response import ChatChunks, chat_body, classic_chat_body
from app.api.completion import AcceptedCompletion
from app.api.completion_meta import CompletionMeta, new_completion_meta
from app.api.logprobs import LogprobFormatter
from app.connection.request_context import RequestContext
from app.generation.text_engine import TextEngine
from app.protocol.messages import Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedChat(AcceptedCompletion):
    """Answers in the dialect of the conversation."""

    meta: CompletionMeta
    logprobs: LogprobFormatter | None  #: where logprobs are asked for
    conversation: Conversation

    def body(self) -> dict[str, object]:
        """Wait for the whole answer, and build its body."""
        choices, usage = self.stream.collect()
        if self.conversation.classic:
            turns = self.conversation.messages
            return classic_chat_body(self.meta, turns, choices, usage, self.logprobs)
        return chat_body(self.meta, choices, usage, self.logprobs)

    def chunks(self) -> ChatChunks:
        """The shapes of the answer's chunks."""
        classic = self.conversation.classic
        return ChatChunks(self.meta, self.logprobs, self.streaming, classic=classic)


def start_chat(
    data: Mapping[str, object], engine: TextEngine, context: RequestContext
) -> AcceptedChat:
    """Read the request and submit it.

    Raises:
        RequestRefused: it is wrong, or can never be served.
        Unavailable: not now.
    """
    request = read_chat(data, engine.sampling_defaults)
    stream = engine.generate(request.text, context)
    return AcceptedChat(
        stream=stream,
        meta=new_completion_meta("chatcmpl", engine, request.text.model),
        logprobs=LogprobFormatter(stream.token_texts) if request.logprobs else None,
        streaming=request.streaming,
        ignored=request.ignored,
        conversation=request.conversation,
    )
