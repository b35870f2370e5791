"""POST /v1/responses and /v1/responses/input_tokens: the requests, read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.api.responses.reasoning_options import ReasoningOptions
from app.api.responses.schema import InputTokensSchema, ResponsesSchema
from app.api.responses.unsupported import OF_RESPONSES
from app.api.token_count import TokenCountRequest
from app.generation.request import ChatInput, FieldNames, TextRequest, ToolUse
from app.protocol.answer_format import AnswerFormat
from app.protocol.loading import ignored_fields, load
from app.protocol.messages import Conversation, Message, MessagePaths
from app.protocol.sampling import (
    RESPONSES_DEFAULTS,
    Streaming,
    read_generation,
    read_streaming,
)
from app.protocol.template_fields import TemplateFields
from app.protocol.tool_choice import ToolChoice
from app.protocol.tools import Tool

_SCHEMA, _INPUT_TOKENS = ResponsesSchema(), InputTokensSchema()


@dataclass(frozen=True, slots=True)
class ResponsesRequest:
    """A valid request."""

    text: TextRequest
    chat: ChatInput  #: the same as `text.input`
    streaming: Streaming
    reasoning: ReasoningOptions
    top_logprobs: int
    tools: tuple[Tool, ...]  #: offered, without those of other kinds
    truncate: bool  #: leave the oldest items out where they do not fit
    store: bool  #: a later request may refer to the answer's items
    ignored: tuple[str, ...]  #: paths of what was not read, sorted


def read_response_request(
    data: Mapping[str, object], sampling_defaults: Mapping[str, float]
) -> ResponsesRequest:
    """The request that `data` makes. sampling_defaults: the model's own, by field.

    Raises:
        BadRequest: a field is missing, wrong or not served.
    """
    values = {**sampling_defaults, **load(_SCHEMA, data)}
    chat = _chat_input(values)
    answer_format: AnswerFormat | None = values.get("text")
    top_logprobs = values.get("top_logprobs", 0)
    named = {name: value for name, value in values.items() if name not in OF_RESPONSES}
    named |= {"max_tokens": values.get("max_output_tokens"), "response_format": answer_format}
    generation = read_generation(
        named,
        RESPONSES_DEFAULTS,
        top_logprobs if values.get("include") else None,
    )
    fields = FieldNames(
        "input",
        max_tokens="max_output_tokens",
        structured_output=answer_format.path if answer_format else "tools",
    )
    return ResponsesRequest(
        TextRequest(
            chat,
            generation,
            fields,
            values.get("model"),
            prompt_cache_key=values.get("prompt_cache_key"),
        ),
        chat,
        read_streaming(values),
        values.get("reasoning", ReasoningOptions()),
        top_logprobs,
        values.get("tools", ()),
        values.get("truncation") == "auto",
        values.get("store", True),
        ignored_fields(_SCHEMA, data),
    )


def read_input_tokens(data: Mapping[str, object]) -> TokenCountRequest:
    """The request that `data` makes.

    Raises:
        BadRequest: a field is missing, wrong or not served.
    """
    values = load(_INPUT_TOKENS, data)
    ignored = ignored_fields(_INPUT_TOKENS, data)
    return TokenCountRequest(_chat_input(values), values.get("model"), ignored)


def _chat_input(values: Mapping[str, Any]) -> ChatInput:
    reasoning: ReasoningOptions = values.get("reasoning", ReasoningOptions())
    tool_use = ToolUse.of(
        values.get("tools", ()),
        values.get("tool_choice", ToolChoice()),
        parallel=values.get("parallel_tool_calls", True),
    )
    return ChatInput(
        _with_instructions(values.get("input", _NO_INPUT), values.get("instructions")),
        template=TemplateFields(
            values.get("chat_template_kwargs", {}),
            values.get("enable_thinking"),
            reasoning.effort,
            "reasoning.effort",
        ),
        tools=tuple(tool.definition for tool in tool_use.tools) if tool_use else (),
        tool_use=tool_use,
        thinking_budget=values.get("thinking_budget"),
    )


_NO_INPUT = Conversation((Message("user", ""),), False, (MessagePaths("input"),), "input")


def _with_instructions(conversation: Conversation, instructions: str | None) -> Conversation:
    """The conversation after the instructions: one system message with what system messages it
    begins with itself, since many chat templates take only one."""
    if not instructions:
        return conversation
    messages, paths = conversation.messages, conversation.paths
    own = 0
    while own < len(messages) and messages[own].role in ("system", "developer"):
        own += 1
    text = "\n\n".join((instructions, *(message.text for message in messages[:own])))
    return replace(
        conversation,
        messages=(Message("system", text), *messages[own:]),
        paths=(MessagePaths("instructions"), *paths[own:]),
    )
