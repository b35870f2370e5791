"""`messages`, in both dialects, read as one conversation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from marshmallow import ValidationError, fields

from app.protocol.fields import JsonSchema, below, read_items, unread_keys
from app.protocol.message_content import parts_schema, read_text, text_key, unread_parts
from app.protocol.tool_messages import (
    TOOL_CALL_SCHEMA,
    ToolCall,
    read_tool_call_id,
    read_tool_calls,
    unread_in_call,
)

Role = Literal["system", "developer", "user", "assistant", "tool"]

_ROLES: tuple[Role, ...] = ("system", "developer", "user", "assistant", "tool")
#: What was there before tools, and what to send instead.
_OLDER_ROLES = {"function": "was replaced by tool; it "}
#: Keys of a message that would change the answer; null and empty ask for nothing.
_UNSUPPORTED = ("function_call", "audio", "images", "videos", "files", "prefix", "partial")
_READ = ("role", "name", "tool_calls", "tool_call_id", "refusal")
_READ_OF_ASSISTANTS = (*_READ, "reasoning_content")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn as the client gave it, its text parts joined."""

    role: Role
    text: str  #: "" beside tool calls that came without one
    has_text: bool = True  #: False: the assistant only called tools
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None  #: the call that a tool's message answers
    name: str | None = None  #: whose message it is: a tool's, as a rule
    reasoning_content: str | None = None  #: the thinking of an assistant's turn


@dataclass(frozen=True, slots=True)
class MessagePaths:
    """Where the request has the parts of one message: dotted paths."""

    text: str
    name: str = ""
    reasoning_content: str = ""
    tool_calls: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """All turns, and which dialect they came in."""

    messages: tuple[Message, ...]
    classic: bool
    paths: tuple[MessagePaths, ...]  #: of each message
    field: str = "messages"  #: the request's field that holds them


class Messages(fields.Field[Conversation]):
    """A list of messages, or one plain string (one user turn, classic)."""

    def __init__(self, *, required: bool = True) -> None:
        super().__init__(required=required, error_messages={"required": "is required"})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Conversation:
        if isinstance(value, str):
            if not value:
                raise ValidationError("must not be empty")
            where = MessagePaths(str(attr))
            return Conversation((Message("user", value),), classic=True, paths=(where,))
        if not isinstance(value, list):
            raise ValidationError("must be a list of messages, or one string")
        if not value:
            raise ValidationError("must not be empty")
        messages = read_items(value, _message)
        keys = tuple(text_key(item) for item in value)
        classic = "message" in keys
        if classic:
            _refuse_tools(messages)
        paths = tuple(_paths(f"{attr}.{index}", key) for index, key in enumerate(keys))
        return Conversation(messages, classic, paths)

    def unread(self, value: str | list[dict[str, Any]]) -> Iterator[str]:
        """Keys of messages and of what is in them."""
        for index, item in enumerate(value if isinstance(value, list) else []):
            yield from below(index, _unread(item))

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        classic = {"properties": {"message": {"type": "string"}}, "required": ["message"]}
        openai = {
            "properties": {
                "content": {"anyOf": [{"type": "string"}, parts_schema("text", "refusal")]},
                "message": {"type": "null"},
            },
            "required": ["content"],
        }
        refused = {
            "properties": {
                "role": {"const": "assistant"},
                "refusal": {"type": "string", "minLength": 1},
            },
            "required": ["refusal"],
        }
        calls = {"type": "array", "items": TOOL_CALL_SCHEMA, "minItems": 1}
        called = {
            "properties": {"role": {"const": "assistant"}, "tool_calls": calls},
            "required": ["tool_calls"],
        }
        nullable: JsonSchema = {"type": ["string", "null"]}
        message = {
            "type": "object",
            "properties": {
                "role": {"enum": list(_ROLES)},
                "name": nullable,
                "tool_call_id": nullable,
                "refusal": nullable,
                "reasoning_content": nullable,
            },
            "required": ["role"],
            "anyOf": [classic, openai, called, refused],
        }
        text = {"type": "string", "minLength": 1}
        return {"anyOf": [{"type": "array", "items": message, "minItems": 1}, text]}


def _paths(path: str, text_key: str) -> MessagePaths:
    return MessagePaths(
        text=f"{path}.{text_key}",
        name=f"{path}.name",
        reasoning_content=f"{path}.reasoning_content",
        tool_calls=f"{path}.tool_calls",
    )


def _message(item: object) -> Message:
    if not isinstance(item, dict):
        raise ValidationError("must be an object with role and content")
    role = _role(item.get("role"))
    for key in _UNSUPPORTED:
        if item.get(key) not in (None, [], False):
            raise ValidationError({key: ["is not supported by this server"]})
    calls = read_tool_calls(item.get("tool_calls"), role)
    call_id = read_tool_call_id(item.get("tool_call_id"), role)
    name = item.get("name")
    if not isinstance(name, str | None):
        raise ValidationError({"name": ["must be a string"]})
    thinking = item.get("reasoning_content")
    if not isinstance(thinking, str | None):
        raise ValidationError({"reasoning_content": ["must be a string"]})
    refusal = _refusal(item, role)
    key = text_key(item)
    value = item.get(key)
    if value is None and (refusal or calls):
        return Message(role, refusal, bool(refusal), calls, call_id, name, thinking)
    text = read_text(key, value, may_refuse=role == "assistant")
    text = "\n".join(filter(None, (text, refusal)))
    return Message(role, text, True, calls, call_id, name, thinking)


def _refusal(item: dict[str, object], role: Role) -> str:
    """What an assistant said instead of an answer; "" if it did not."""
    refusal = item.get("refusal")
    if not isinstance(refusal, str | None):
        raise ValidationError({"refusal": ["must be a string"]})
    if refusal and role != "assistant":
        raise ValidationError({"refusal": ["is only for messages of the role assistant"]})
    return refusal or ""


def _unread(item: dict[str, Any]) -> Iterator[str]:
    key = text_key(item)
    read = _READ_OF_ASSISTANTS if item["role"] == "assistant" else _READ
    yield from unread_keys(item, key, *read, *_UNSUPPORTED)
    yield from below(key, unread_parts(item.get(key)))
    for index, call in enumerate(item.get("tool_calls") or ()):
        yield from below(f"tool_calls.{index}", unread_in_call(call))


def _refuse_tools(messages: tuple[Message, ...]) -> None:
    """The classic dialect has no words for them."""
    for index, message in enumerate(messages):
        key = "role" if message.role == "tool" else "tool_calls" if message.tool_calls else ""
        if key:
            reason = "a conversation with tools needs content, not message, in all its messages"
            raise ValidationError({index: {key: [reason]}})


def _role(value: object) -> Role:
    for role in _ROLES:
        if value == role:
            return role
    known = ", ".join(_ROLES)
    if value is None:
        raise ValidationError({"role": [f"is required: one of {known}"]})
    older = _OLDER_ROLES.get(value, "") if isinstance(value, str) else ""
    raise ValidationError({"role": [f"{older}must be one of {known}"]})
