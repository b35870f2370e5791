"""Tool calls and results as plain text, for templates that do not support them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.prompts import ChatMessage, FunctionCall

_CALL = "<tool_call>\n{}\n</tool_call>"
_RESULT = "<tool_response>\n{}\n</tool_response>"


def tool_calls_as_text(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The same messages with the assistant's tool calls appended to its texts."""
    return [_with_calls_as_text(message) if message.tool_calls else message for message in messages]


def tool_results_as_text(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The same messages with tool results as user messages. Consecutive results, and a user
    message after them, become one message: many templates require alternating roles."""
    return list(_merge_results(messages))


def _with_calls_as_text(message: ChatMessage) -> ChatMessage:
    parts = [message.text] if message.text else []
    parts += [_CALL.format(_to_json(call)) for call in message.tool_calls]
    return replace(message, text="\n".join(parts), has_text=True, tool_calls=())


def _to_json(call: FunctionCall) -> str:
    return json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)


def _merge_results(messages: Sequence[ChatMessage]) -> Iterator[ChatMessage]:
    results: list[str] = []
    for message in messages:
        if message.role == "tool":
            results.append(_RESULT.format(message.text))
        elif message.role == "user" and results:
            yield replace(message, text="\n\n".join([*results, message.text]))
            results = []
        else:
            if results:
                yield ChatMessage("user", "\n\n".join(results))
                results = []
            yield message
    if results:
        yield ChatMessage("user", "\n\n".join(results))
