"""A conversation as OpenAI's fields: messages, tools, and what its template reads."""

from __future__ import annotations

import json

from app.generation.request import ChatInput, ToolUse
from app.prompts.chat_template_kwargs import ChatTemplateKwargs
from app.protocol.messages import Message
from app.protocol.template_fields import NO_THINKING
from app.protocol.tool_messages import ToolCall
from app.upstream.server_kind import ServerKind

#: How templates name the switch of thinking; each reads one of them.
_SWITCHES = ("enable_thinking", "thinking")


def message_fields(
    chat: ChatInput, kind: ServerKind, operators: ChatTemplateKwargs
) -> dict[str, object]:
    """operators: template variables of --chat_template_kwargs."""
    fields: dict[str, object] = {
        "messages": [_message(message, kind) for message in chat.conversation.messages]
    }
    if chat.continue_final_message:
        fields |= {"continue_final_message": True, "add_generation_prompt": False}
    if chat.tool_use is not None and chat.tool_use.tools:
        fields |= _tool_fields(chat.tool_use)
    if chat.thinking_budget is not None:
        fields["thinking_budget"] = chat.thinking_budget
    return fields | _template_fields(chat, kind, operators)


def _message(message: Message, kind: ServerKind) -> dict[str, object]:
    fields: dict[str, object] = {
        # What developers say is what the system says; few templates know the newer name.
        "role": "system" if message.role == "developer" else message.role,
        "content": message.text if message.has_text else None,
    }
    if message.tool_calls:
        fields["tool_calls"] = [_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        fields["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        fields["name"] = message.name
    if message.reasoning_content is not None:
        fields[kind.reasoning_field] = message.reasoning_content
    return fields


def _call(call: ToolCall) -> dict[str, object]:
    text = call.arguments_text
    if text is None:
        given = call.arguments
        text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    identified = {} if call.id is None else {"id": call.id}
    return {**identified, "type": "function", "function": {"name": call.name, "arguments": text}}


def _tool_fields(use: ToolUse) -> dict[str, object]:
    tools = []
    for tool in use.tools:
        definition = tool.definition
        if tool.strict:
            definition["function"]["strict"] = True
        tools.append(definition)
    choice: object = "required" if use.required else "auto"
    if use.required and not use.parallel and len(use.tools) == 1:
        choice = {"type": "function", "function": {"name": use.tools[0].name}}
    return {"tools": tools, "tool_choice": choice, "parallel_tool_calls": use.parallel}


def _template_fields(
    chat: ChatInput, kind: ServerKind, operators: ChatTemplateKwargs
) -> dict[str, object]:
    given, fields = chat.template, dict[str, object]()
    kwargs = dict(operators)
    thinking = given.thinking
    if given.reasoning_effort is not None and (
        kind.has_enable_thinking or given.reasoning_effort != NO_THINKING
    ):
        fields["reasoning_effort"] = given.reasoning_effort
    if thinking is not None:
        kwargs = {name: value for name, value in kwargs.items() if name not in _SWITCHES}
        if not kind.has_enable_thinking:
            kwargs |= dict.fromkeys(_SWITCHES, thinking)
        elif given.enable_thinking is not None:
            fields["enable_thinking"] = thinking
    kwargs |= given.chat_template_kwargs
    if kwargs:
        fields["chat_template_kwargs"] = kwargs
    return fields
