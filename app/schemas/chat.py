"""/v1/chat/completions on the wire, in both dialects.

Knows nothing about templates or tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.engine.types import Delta
from app.schemas.answers import Answer, Head, Usage
from app.schemas.fields import Accepted, Unsupported, Whole
from app.schemas.messages import Conversation, Message, Messages
from app.schemas.reading import ignored_fields, load
from app.schemas.sampling import (
    CLASSIC_CHAT_DEFAULTS,
    OPENAI_CHAT_DEFAULTS,
    Generation,
    GenerationSchema,
    read_generation,
)


class ChatSchema(GenerationSchema):
    """The request's fields."""

    messages = Messages()
    max_completion_tokens = Whole(1)
    logprobs = Unsupported(False)
    top_logprobs = Unsupported(0)
    response_format = Unsupported({"type": "text"})
    tools = Unsupported([])
    tool_choice = Unsupported("none", "auto")
    functions = Unsupported([])
    function_call = Unsupported("none", "auto")
    audio = Unsupported()
    modalities = Unsupported(["text"])
    prediction = Unsupported()
    web_search_options = Unsupported()
    reasoning_effort = Unsupported("none")
    verbosity = Unsupported("medium")
    best_of = Unsupported(1)
    echo = Unsupported(False)
    suffix = Unsupported("")
    prompt_template = Unsupported()
    chat_template = Unsupported()
    chat_template_kwargs = Unsupported({})
    add_generation_prompt = Unsupported(True)
    continue_final_message = Unsupported(False)
    parallel_tool_calls = Accepted()


_SCHEMA = ChatSchema()


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A valid request."""

    conversation: Conversation
    generation: Generation
    ignored: tuple[str, ...]

    @property
    def echoed(self) -> tuple[Message, ...]:
        """The turns that a whole answer holds before the new ones."""
        return self.conversation.messages if self.conversation.classic else ()


def read_chat(data: Mapping[str, object]) -> ChatCall:
    """The request that `data` makes.

    Raises:
        BadRequest: a field is missing, wrong or not served.
    """
    values = load(_SCHEMA, data)
    conversation: Conversation = values["messages"]
    defaults = CLASSIC_CHAT_DEFAULTS if conversation.classic else OPENAI_CHAT_DEFAULTS
    return ChatCall(
        conversation=conversation,
        generation=read_generation(values, defaults),
        ignored=ignored_fields(_SCHEMA, data),
    )


def chat_body(
    head: Head, echoed: Sequence[Message], answers: Sequence[Answer], usage: Usage
) -> dict[str, object]:
    """The whole answer: the turns given, for classic clients, then the new ones."""
    turns = [(message.role, message.text, None) for message in echoed]
    new = [("assistant", answer.text, answer.finish_reason.value) for answer in answers]
    choices = [
        {"index": index, "message": {"role": role, "content": text}, "finish_reason": reason}
        for index, (role, text, reason) in enumerate([*turns, *new])
    ]
    return {
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "choices": choices,
        "usage": usage.body(),
    }


@dataclass(frozen=True, slots=True)
class ChatChunks:
    """The new turns in pieces; see `app.api.sse.Chunks`."""

    head: Head
    n: int
    include_usage: bool

    def opening(self) -> list[dict[str, object]]:
        """Who speaks, once for each new turn."""
        role = {"role": "assistant", "content": ""}
        return [self._chunk(index, role, None) for index in range(self.n)]

    def delta(self, delta: Delta) -> list[dict[str, object]]:
        """New text, and the end of a turn, each in its own chunk."""
        chunks = []
        if delta.text:
            chunks.append(self._chunk(delta.index, {"content": delta.text}, None))
        if delta.finish_reason is not None:
            chunks.append(self._chunk(delta.index, {}, delta.finish_reason.value))
        return chunks

    def closing(self, usage: Usage) -> list[dict[str, object]]:
        """The usage chunk, if asked for."""
        return [self._envelope([], usage.body())] if self.include_usage else []

    def _chunk(self, index: int, delta: dict[str, str], reason: str | None) -> dict[str, object]:
        choice: dict[str, object] = {"index": index, "delta": delta, "finish_reason": reason}
        return self._envelope([choice], None)

    def _envelope(
        self, choices: list[dict[str, object]], usage: dict[str, int] | None
    ) -> dict[str, object]:
        chunk: dict[str, object] = {
            "id": self.head.id,
            "object": "chat.completion.chunk",
            "created": self.head.created,
            "model": self.head.model,
            "choices": choices,
        }
        return {**chunk, "usage": usage} if self.include_usage else chunk
