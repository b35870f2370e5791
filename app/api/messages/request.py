"""POST /v1/messages and /v1/messages/count_tokens: the request's fields, read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema

from app.api.messages.message_params import MessageParams, Turn, conversation_of
from app.api.messages.output_config import OutputConfig, OutputConfigField, OutputFormatField
from app.api.messages.stop_sequences import StopSequences
from app.api.messages.system_text import SystemText
from app.api.messages.thinking_config import ThinkingConfig, ThinkingField
from app.api.messages.tool_params import ToolChoiceParamField, ToolParams, read_tool_use
from app.api.token_count import TokenCountRequest
from app.generation.request import ChatInput, TextRequest, field_names
from app.protocol.answer_format import AnswerFormat
from app.protocol.fields import Ignored, StrictInteger, StrictString
from app.protocol.loading import field_error, ignored_fields, load
from app.protocol.messages import Conversation, Message, MessagePaths
from app.protocol.sampling import (
    MESSAGES_DEFAULTS,
    SamplingSchema,
    Streaming,
    read_generation,
    read_streaming,
)
from app.protocol.template_fields import TemplateFields


class PromptSchema(Schema):
    """The fields that make the prompt; all of count_tokens."""

    model = StrictString()
    messages = MessageParams()
    system = SystemText()
    tools = ToolParams()
    tool_choice = ToolChoiceParamField()
    thinking = ThinkingField()
    output_config = OutputConfigField()
    output_format = OutputFormatField()
    cache_control = Ignored()


class CountTokensSchema(PromptSchema):
    """The fields of /v1/messages/count_tokens."""


class MessagesSchema(PromptSchema, SamplingSchema):
    """The fields of /v1/messages."""

    class Meta:
        """What has another name in this API, or no meaning."""

        exclude = ("stop", "stream_options", "user")

    max_tokens = StrictInteger(1, required=True)
    stop_sequences = StopSequences()
    # They change nothing here.
    metadata = Ignored()
    service_tier = Ignored()
    inference_geo = Ignored()


_SCHEMA, _COUNT_SCHEMA = MessagesSchema(), CountTokensSchema()


@dataclass(frozen=True, slots=True)
class MessagesRequest:
    """A valid request."""

    text: TextRequest
    streaming: Streaming
    ignored: tuple[str, ...]  #: paths of what was not read, sorted


def read_messages(
    data: Mapping[str, object], sampling_defaults: Mapping[str, float]
) -> MessagesRequest:
    """The request that `data` makes. sampling_defaults: the model's own, by field.

    Raises:
        BadRequest: a field is missing, wrong or not served.
    """
    values = {**sampling_defaults, **load(_SCHEMA, data)}
    chat = _read_chat(values)
    # As the fields are called that become a GenerationRequest.
    generation_values = {
        **values,
        "stop": values.get("stop_sequences", ()),
        "response_format": _answer_format(values),
    }
    tools_are_schema = chat.tools and generation_values["response_format"] is None
    names = field_names(generation_values, "messages")
    text = TextRequest(
        input=chat,
        generation=read_generation(generation_values, MESSAGES_DEFAULTS, logprobs=None),
        fields=dataclasses.replace(
            names,
            thinking_budget="thinking.budget_tokens",
            structured_output="tools" if tools_are_schema else names.structured_output,
        ),
        model=values.get("model"),
    )
    return MessagesRequest(text, read_streaming(values), ignored_fields(_SCHEMA, data))


def read_count_tokens(data: Mapping[str, object]) -> TokenCountRequest:
    """The request that `data` makes.

    Raises:
        BadRequest: a field is missing or wrong.
    """
    values = load(_COUNT_SCHEMA, data)
    ignored = ignored_fields(_COUNT_SCHEMA, data)
    return TokenCountRequest(_read_chat(values), values.get("model"), ignored)


def _read_chat(values: Mapping[str, Any]) -> ChatInput:
    conversation = _with_system(values["messages"], values.get("system", ""))
    tool_use = read_tool_use(values)
    thinking: ThinkingConfig = values.get("thinking", ThinkingConfig())
    output: OutputConfig = values.get("output_config", OutputConfig())
    return ChatInput(
        conversation,
        continue_final_message=_continues(conversation),
        template=TemplateFields(
            enable_thinking=thinking.enabled,
            reasoning_effort=output.effort,
            enable_thinking_name="thinking",
            reasoning_effort_name="output_config.effort",
        ),
        tools=tuple(tool.definition for tool in tool_use.tools) if tool_use else (),
        tool_use=tool_use,
        thinking_budget=thinking.budget_tokens,
    )


def _with_system(conversation: Conversation, system: str) -> Conversation:
    if not system:
        return conversation
    first = Turn(Message("system", system), MessagePaths("system"))
    turns = zip(conversation.messages, conversation.paths, strict=True)
    return conversation_of([first, *(Turn(message, paths) for message, paths in turns)])


def _continues(conversation: Conversation) -> bool:
    """Whether the last message is the beginning of the answer ("prefill").

    Raises:
        BadRequest: it is the assistant's, but no text that can be continued.
    """
    last = conversation.messages[-1]
    if last.role != "assistant":
        return False
    if last.tool_calls or not last.text:
        path = conversation.paths[-1].text
        raise field_error(path, "the last message must be the user's, or a text to be continued")
    return True


def _answer_format(values: Mapping[str, Any]) -> AnswerFormat | None:
    output: OutputConfig = values.get("output_config", OutputConfig())
    older: AnswerFormat | None = values.get("output_format")
    if older and output.format:
        raise field_error("output_format", "cannot be combined with output_config.format")
    return output.format or older
