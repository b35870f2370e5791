"""POST /v1/chat/completions: the request's fields, read, in both dialects."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.generation.request import ChatInput, FieldNames, TextRequest
from app.protocol.continuation import read_continue_final_message
from app.protocol.fields import Ignored, StrictBoolean, StrictInteger, Unsupported
from app.protocol.generation_fields import AnswerSchema, ResponseFormat
from app.protocol.loading import field_error, ignored_fields, load
from app.protocol.messages import Conversation, Messages
from app.protocol.sampling import (
    CLASSIC_CHAT_DEFAULTS,
    OPENAI_CHAT_DEFAULTS,
    GenerationSchema,
    Streaming,
    given_name,
    read_generation,
    read_streaming,
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
class ChatCompletionRequest:
    """A valid request."""

    conversation: Conversation
    text: TextRequest
    streaming: Streaming
    logprobs: bool  #: asked for
    has_tools: bool  #: the request offers tools, which are not used yet
    ignored: tuple[str, ...]  #: paths of what was not read, sorted


def read_chat(data: Mapping[str, object]) -> ChatCompletionRequest:
    """The request that `data` makes.

    Raises:
        BadRequest: a field is missing, wrong or not served.
    """
    values = load(_SCHEMA, data)
    conversation: Conversation = values["messages"]
    defaults = CLASSIC_CHAT_DEFAULTS if conversation.classic else OPENAI_CHAT_DEFAULTS
    logprobs = _read_logprobs(values)
    generation = read_generation(values, defaults, logprobs)
    streaming = read_streaming(values)
    schema: AnswerSchema | None = values.get("response_format")
    has_tools: bool = values.get("tools", False)
    for name in ("response_format", "tools"):
        if values.get(name) and generation.num_beams > 1:
            raise field_error(name, "is not supported with num_beams over 1")
    if has_tools and conversation.classic:
        raise field_error("tools", "needs messages with content, not message")
    fields = FieldNames(
        prompt="messages",
        max_tokens=given_name(values, "max_tokens"),
        json_schema=f"response_format.{schema.path}" if schema else "response_format",
    )
    json_schema = schema.text if schema else None
    text = TextRequest(
        input=ChatInput(conversation, read_continue_final_message(values, conversation)),
        generation=dataclasses.replace(generation, json_schema=json_schema),
        fields=fields,
        model=values.get("model"),
    )
    ignored = ignored_fields(_SCHEMA, data)
    return ChatCompletionRequest(
        conversation, text, streaming, logprobs is not None, has_tools, ignored
    )


def _read_logprobs(values: Mapping[str, Any]) -> int | None:
    alternatives: int = values.get("top_logprobs", 0)
    if values.get("logprobs"):
        return alternatives
    if alternatives:
        raise field_error("top_logprobs", "needs logprobs true")
    return None
