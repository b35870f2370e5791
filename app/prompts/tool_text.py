"""Tools, calls and results as plain text in Hermes' form, for templates that do not support them.

The tags are those that models of the Hermes and Qwen families are trained with; the sentences are
ours. docs/tools.md shows the text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from app.prompts import ChatMessage, FunctionCall
from app.prompts.tool_definitions import ToolDefinition

_TOOLS = """\
# Tools

You can call these functions. Each line between the tags is the JSON of one function:
<tools>
{}
</tools>

To call a function, write a JSON object with its name and arguments between these tags, and one \
such block for each call:
<tool_call>
{{"name": "the function's name", "arguments": {{"a parameter": "its value"}}}}
</tool_call>

The results follow between <tool_response> and </tool_response>. If no function helps, answer \
without a call."""
_CALL = "<tool_call>\n{}\n</tool_call>"
_RESULT = "<tool_response>\n{}\n</tool_response>"


def tools_as_text(tools: Sequence[ToolDefinition]) -> str:
    """A system text that lists the tools and says how to call them."""
    return _TOOLS.format("\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools))


def tools_in_system_message(
    messages: Sequence[ChatMessage], tools: Sequence[ToolDefinition], default_text: str = ""
) -> Sequence[ChatMessage]:
    """The same messages with the tools at the end of the first one, if that is a system message,
    or in a new system message after `default_text`."""
    if not tools:
        return messages
    first, rest = ChatMessage("system", default_text), messages
    if messages and messages[0].role == "system":
        first, rest = messages[0], messages[1:]
    text = "\n\n".join(filter(None, (first.text, tools_as_text(tools))))
    return [replace(first, text=text), *rest]


def tools_in_user_message(
    messages: Sequence[ChatMessage], tools: Sequence[ToolDefinition]
) -> Sequence[ChatMessage]:
    """The same messages with the tools at the beginning of the first user message, for templates
    without system messages; in a new one where there is none."""
    if not tools:
        return messages
    text = tools_as_text(tools)
    for index, message in enumerate(messages):
        if message.role == "user":
            changed = replace(message, text=f"{text}\n\n{message.text}")
            return [*messages[:index], changed, *messages[index + 1 :]]
    return [ChatMessage("user", text), *messages]


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
    """The call, with its arguments as the model wrote them."""
    text = call.arguments_text or json.dumps(call.arguments, ensure_ascii=False)
    return f'{{"name": {json.dumps(call.name, ensure_ascii=False)}, "arguments": {text}}}'


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
