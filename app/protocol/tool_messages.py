"""Tool messages of a conversation: the assistant's calls, and which call a result answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from app.protocol.errors import BadRequest
from app.protocol.fields import JsonSchema, below, read_items, unread_keys
from app.protocol.strict_json import parse_object


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One function the assistant called."""

    id: str | None
    name: str
    #: As templates want them: the object that the client's JSON text spells. The text itself
    #: where it spells none, since it is what a model wrote and the next turn may be about it.
    arguments: Mapping[str, object] | str
    arguments_text: str | None = None  #: the text that spells the object, if that is what came


#: Of one tool call.
TOOL_CALL_SCHEMA: JsonSchema = {
    "type": "object",
    "properties": {
        "id": {"type": ["string", "null"]},
        "type": {"const": "function"},
        "function": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "arguments": {"type": ["string", "object", "null"]},
            },
            "required": ["name"],
        },
    },
    "required": ["function"],
}


def read_tool_calls(value: object, role: str) -> tuple[ToolCall, ...]:
    """The calls of a message; null and an empty list are none.

    Raises:
        ValidationError: with the path below the message of what is wrong.
    """
    if value in (None, [], False):
        return ()
    try:
        if role != "assistant":
            raise ValidationError("is only for messages of the role assistant")
        if not isinstance(value, list):
            raise ValidationError("must be a list of tool calls")
        return read_items(value, _call)
    except ValidationError as error:
        raise ValidationError({"tool_calls": error.messages}) from None


def unread_in_call(call: Mapping[str, Any]) -> Iterator[str]:
    """Paths below a call, which has been read, of what nothing reads."""
    yield from unread_keys(call, "id", "type", "function")
    yield from below("function", unread_keys(call["function"], "name", "arguments"))


def read_tool_call_id(value: object, role: str) -> str | None:
    """The id of the call that a message answers.

    Raises:
        ValidationError: it is no string, or the message is no tool's.
    """
    if value is None:
        return None
    if role != "tool":
        raise ValidationError({"tool_call_id": ["is only for messages of the role tool"]})
    if not isinstance(value, str):
        raise ValidationError({"tool_call_id": ["must be a string"]})
    return value


def _call(item: object) -> ToolCall:
    if not isinstance(item, dict):
        raise ValidationError("must be an object with id, type and function")
    call_id = item.get("id")
    if not isinstance(call_id, str | None):
        raise ValidationError({"id": ["must be a string"]})
    if item.get("type", "function") != "function":
        raise ValidationError({"type": ['is not supported; only "function" calls are']})
    function = item.get("function")
    if not isinstance(function, dict):
        raise ValidationError({"function": ["must be an object with name and arguments"]})
    try:
        return read_function_call(call_id, function)
    except ValidationError as error:
        raise ValidationError({"function": error.messages}) from None


def read_function_call(call_id: str | None, function: Mapping[str, object]) -> ToolCall:
    """A call by the function's name and arguments.

    Raises:
        ValidationError: what is wrong, by key.
    """
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise ValidationError({"name": ["must be a string that is not empty"]})
    given = function.get("arguments")
    arguments = _arguments(given)
    is_spelled = isinstance(given, str) and given.strip() and not isinstance(arguments, str)
    return ToolCall(call_id, name, arguments, str(given).strip() if is_spelled else None)


def _arguments(value: object) -> Mapping[str, object] | str:
    if value is None or isinstance(value, dict):
        return value or {}
    if not isinstance(value, str):
        raise ValidationError({"arguments": ["must be the JSON text of an object"]})
    if not value.strip():
        return {}
    try:
        return parse_object(value.encode())
    except BadRequest:
        return value
