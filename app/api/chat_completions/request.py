"""POST /v1/chat/completions: the request's fields, read, in both dialects."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.api.chat_completions.tool_use import read_tool_use
from app.generation.request import ChatInput, FieldNames, TextRequest, ToolUse, field_names
from app.protocol.aliases import given_name
from app.protocol.answer_format import read_answer_format
from app.protocol.continuation import read_continue_final_message
from app.protocol.fields import StrictBoolean, StrictInteger, Unsupported
from app.protocol.loading import field_error, ignored_fields, load
from app.protocol.messages import Conversation, Messages
from app.protocol.sampling import (
    CLASSIC_CHAT_DEFAULTS,
    OPENAI_CHAT_DEFAULTS,
    GenerationSchema,
    Streaming,
    read_generation,
    read_streaming,
)
from app.protocol.template_fields import TemplateFieldsSchema, read_template_fields
from app.protocol.tool_choice import ToolChoiceField
from app.protocol.tools import Tools
from app.structured_output.structured_output import StructuredOutputKind


class ChatSchema(GenerationSchema, TemplateFieldsSchema):
    """The request's fields."""

    messages = Messages()
    max_completion_tokens = StrictInteger(1, absent=-1)
    logprobs = StrictBoolean()
    top_logprobs = StrictInteger(0, 20)
    thinking_budget = StrictInteger(0)
    thinking_token_budget = StrictInteger(0, absent=-1)
    reasoning_budget = StrictInteger(0, absent=-1)
    reasoning_format = Unsupported("auto", "deepseek")
    best_of = Unsupported(1)
    echo = Unsupported(False)
    suffix = Unsupported("")
    prompt_template = Unsupported()
    add_generation_prompt = StrictBoolean()
    continue_final_message = StrictBoolean()
    tools = Tools()
    tool_choice = ToolChoiceField()
    parallel_tool_calls = StrictBoolean()


_SCHEMA = ChatSchema()


@dataclass(frozen=True, slots=True)
class ChatCompletionRequest:
    """A valid request."""

    conversation: Conversation
    text: TextRequest
    streaming: Streaming
    logprobs: bool  #: asked for
    ignored: tuple[str, ...]  #: paths of what was not read, sorted


def read_chat(
    data: Mapping[str, object], sampling_defaults: Mapping[str, float]
) -> ChatCompletionRequest:
    """The request that `data` makes. sampling_defaults: the model's own, by field.

    Raises:
        BadRequest: a field is missing, wrong or not served.
    """
    values = {**sampling_defaults, **load(_SCHEMA, data)}
    conversation: Conversation = values["messages"]
    defaults = CLASSIC_CHAT_DEFAULTS if conversation.classic else OPENAI_CHAT_DEFAULTS
    logprobs = _read_logprobs(values)
    generation = read_generation(values, defaults, logprobs)
    streaming = read_streaming(values)
    tool_use = read_tool_use(values, conversation)
    output = generation.structured_output
    if output and output.kind is not StructuredOutputKind.JSON_SCHEMA and _may_call(tool_use):
        raise field_error("tools", 'need tool_choice "none" beside what is no JSON schema')
    text = TextRequest(
        input=ChatInput(
            conversation,
            read_continue_final_message(values, conversation),
            read_template_fields(values, conversation),
            tools=tuple(tool.definition for tool in tool_use.tools) if tool_use else (),
            tool_use=tool_use,
            thinking_budget=_read_thinking_budget(values, conversation),
        ),
        generation=generation,
        fields=_field_names(values, tool_use),
        model=values.get("model"),
        prompt_cache_key=values.get("prompt_cache_key"),
    )
    ignored = ignored_fields(_SCHEMA, data)
    return ChatCompletionRequest(conversation, text, streaming, logprobs is not None, ignored)


def _may_call(tool_use: ToolUse | None) -> bool:
    return tool_use is not None and bool(tool_use.tools)


def _field_names(values: Mapping[str, Any], tool_use: ToolUse | None) -> FieldNames:
    names = field_names(values, "messages")
    if _may_call(tool_use) and read_answer_format(values) is None:
        return dataclasses.replace(names, structured_output="tools")
    return names


def _read_thinking_budget(values: Mapping[str, Any], conversation: Conversation) -> int | None:
    name = given_name(values, "thinking_budget")
    if name in values and conversation.classic:
        raise field_error(name, "needs messages with content, not message")
    if name in values and values.get("num_beams", 1) > 1:
        raise field_error(name, "is not supported with num_beams over 1")
    return values.get(name)


def _read_logprobs(values: Mapping[str, Any]) -> int | None:
    alternatives: int = values.get("top_logprobs", 0)
    if values.get("logprobs"):
        return alternatives
    if alternatives:
        raise field_error("top_logprobs", "needs logprobs true")
    return None
