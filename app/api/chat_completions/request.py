"""/v1/chat/completions: the request's fields, read, in both dialects.

Knows nothing about templates or tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.protocol.fields import Ignored, StrictBoolean, StrictInteger, Unsupported
from app.protocol.generation_fields import AnswerSchema, ResponseFormat
from app.protocol.loading import field_error, ignored_fields, load
from app.protocol.messages import Conversation, Messages
from app.protocol.sampling import (
    CLASSIC_CHAT_DEFAULTS,
    OPENAI_CHAT_DEFAULTS,
    Generation,
    GenerationSchema,
    read_generation,
)
from app.protocol.tools import OfferedTools


class ChatSchema(GenerationSchema):
    """The request's fields."""

    messages = Messages()
    max_completion_tokens = StrictInteger(1, absent=-1)
    logprobs = StrictBoolean()
    top_logprobs = StrictInteger(0, 20)
    response_format = ResponseFormat()
    best_of = Unsupported(1)
    echo = Unsupported(False)
    suffix = Unsupported("")
    prompt_template = Unsupported()
    add_generation_prompt = StrictBoolean()
    continue_final_message = StrictBoolean()
    tools = OfferedTools()
    parallel_tool_calls = Ignored()


_SCHEMA = ChatSchema()


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A valid request."""

    conversation: Conversation
    continued: bool  #: the last message is the assistant's and is to be gone on with
    generation: Generation
    schema: AnswerSchema | None  #: what answers keep to
    has_tools: bool  #: the request offers tools, which are not used yet
    ignored: tuple[str, ...]

    @property
    def continued_text(self) -> str:
        """The text that is to be gone on with; "" for a new turn."""
        return self.conversation.messages[-1].text if self.continued else ""


def read_chat(data: Mapping[str, object]) -> ChatCall:
    """The request that `data` makes.

    Raises:
        BadRequest: a field is missing, wrong or not served.
    """
    values = load(_SCHEMA, data)
    conversation: Conversation = values["messages"]
    defaults = CLASSIC_CHAT_DEFAULTS if conversation.classic else OPENAI_CHAT_DEFAULTS
    generation = read_generation(values, defaults, _read_logprobs(values))
    has_tools: bool = values.get("tools", False)
    for name in ("response_format", "tools"):
        if values.get(name) and generation.num_beams > 1:
            raise field_error(name, "is not supported with num_beams over 1")
    if has_tools and conversation.classic:
        raise field_error("tools", "needs messages with content, not message")
    return ChatCall(
        conversation=conversation,
        continued=read_continued(values, conversation),
        generation=generation,
        schema=values.get("response_format"),
        has_tools=has_tools,
        ignored=ignored_fields(_SCHEMA, data),
    )


def read_continued(values: Mapping[str, Any], conversation: Conversation) -> bool:
    """Whether the last message is to be gone on with.

    Raises:
        BadRequest: there is nothing to go on with, or a prompt without either is asked for.
    """
    continued: bool = values.get("continue_final_message", False)
    last = conversation.messages[-1]
    if continued and (last.role != "assistant" or not last.has_text or last.tool_calls):
        raise field_error("continue_final_message", "is only for a last text of the assistant's")
    if values.get("add_generation_prompt", not continued) is continued:
        message = "cannot be true" if continued else "can be false only"
        raise field_error("add_generation_prompt", f"{message} with continue_final_message true")
    return continued


def _read_logprobs(values: Mapping[str, Any]) -> int | None:
    alternatives: int = values.get("top_logprobs", 0)
    if values.get("logprobs"):
        return alternatives
    if alternatives:
        raise field_error("top_logprobs", "needs logprobs true")
    return None
