"""Renders a conversation in the message format that its chat template supports."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from app.prompts import ChatMessage, Prompt
from app.prompts.chat_template import NO_KWARGS, ChatTemplate, never_cancelled, render_messages
from app.prompts.chat_template_kwargs import ChatTemplateKwargs
from app.prompts.later_system import has_later_system, later_system_as_user
from app.prompts.template_features import (
    TemplateFeatures,
    ToolsPlacement,
    detect_features,
    requires_short_ids,
    shows_later_system,
    tools_placement,
)
from app.prompts.tool_definitions import ToolDefinition, check_tools
from app.prompts.tool_text import (
    tool_calls_as_text,
    tool_results_as_text,
    tools_in_system_message,
    tools_in_user_message,
)

_SHORT_ID = re.compile("[A-Za-z0-9]{9}")


def render_with_template(
    messages: Sequence[ChatMessage],
    template: ChatTemplate,
    *,
    tools: Sequence[ToolDefinition] = (),
    continue_final_message: bool = False,
    kwargs: ChatTemplateKwargs = NO_KWARGS,
    check_cancelled: Callable[[], None] = never_cancelled,
) -> Prompt:
    """Render `messages` with `template`. Tools, calls and results that the template does not
    support are written as text. See `render_messages` for the other arguments.

    Raises:
        ReservedCharacterError: a message or a tool contains U+E0FF.
        ChatTemplateError: the template rejects this conversation, or exceeds its budget.
    """
    by_template = bool(tools) and tools_placement(template) is ToolsPlacement.TEMPLATE
    features = detect_features(template, with_tools=by_template)
    if has_later_system(messages) and not shows_later_system(template, with_tools=by_template):
        messages = later_system_as_user(messages)
    messages = _adapt_messages(messages, features)
    calls = any(message.tool_calls for message in messages)
    if calls and requires_short_ids(template, with_tools=by_template):
        messages = _with_short_ids(messages)
    if tools and not by_template:
        check_tools(tools)
        messages = _with_tools(messages, tools, tools_placement(template))
    return render_messages(
        messages,
        template,
        tools=tools if by_template else (),
        typed_content=features.requires_typed_content,
        continue_final_message=continue_final_message,
        kwargs=kwargs,
        check_cancelled=check_cancelled,
    )


def _with_tools(
    messages: Sequence[ChatMessage], tools: Sequence[ToolDefinition], placement: ToolsPlacement
) -> Sequence[ChatMessage]:
    """The same messages with the tools as text."""
    if placement is ToolsPlacement.SYSTEM:
        return tools_in_system_message(messages, tools)
    return tools_in_user_message(messages, tools)


def _with_short_ids(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The same messages with ids of nine characters: equal ids stay equal."""
    return [
        replace(
            message,
            tool_call_id=_short_id(message.tool_call_id),
            tool_calls=tuple(replace(call, id=_short_id(call.id)) for call in message.tool_calls),
        )
        for message in messages
    ]


def _short_id(call_id: str | None) -> str | None:
    if call_id is None or _SHORT_ID.fullmatch(call_id):
        return call_id
    return hashlib.sha256(call_id.encode()).hexdigest()[:9]


def _adapt_messages(
    messages: Sequence[ChatMessage], features: TemplateFeatures
) -> Sequence[ChatMessage]:
    """The same messages in the form that a template with `features` reads."""
    if not features.supports_tool_calls:
        messages = tool_calls_as_text(messages)
    elif features.requires_content:
        messages = [replace(message, has_text=True) for message in messages]
    return messages if features.supports_tool_results else tool_results_as_text(messages)
