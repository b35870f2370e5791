"""`messages`, in both dialects, read as one conversation.

Knows nothing about how a conversation is rendered or answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from marshmallow import ValidationError, fields

from app.schemas.fields import JsonSchema

Role = Literal["system", "developer", "user", "assistant"]

_ROLES: tuple[Role, ...] = ("system", "developer", "user", "assistant")
_LATER_ROLES = ("tool", "function")
#: Keys of a message that would change the answer; null and empty ask for nothing.
_UNSUPPORTED = ("tool_calls", "tool_call_id", "function_call", "audio", "images", "prefix")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn as the client gave it, its text parts joined."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """All turns, and which dialect they came in."""

    messages: tuple[Message, ...]
    classic: bool
    #: Dotted path of each message's text, below `messages`; "" for a plain string.
    paths: tuple[str, ...]


class Messages(fields.Field[Conversation]):
    """A list of messages, or one plain string (one user turn, classic)."""

    def __init__(self, *, required: bool = True) -> None:
        super().__init__(required=required, error_messages={"required": "is required"})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Conversation:
        if isinstance(value, str):
            if not value:
                raise ValidationError("must not be empty")
            return Conversation((Message("user", value),), classic=True, paths=("",))
        if not isinstance(value, list):
            raise ValidationError("must be a list of messages, or one string")
        if not value:
            raise ValidationError("must not be empty")
        messages = tuple(_at(index, item) for index, item in enumerate(value))
        keys = tuple(_text_key(item) for item in value)
        classic = "message" in keys
        last = len(messages) - 1
        if messages[last].role == "user" and not messages[last].text:
            raise ValidationError({last: {keys[last]: ["must not be empty"]}})
        paths = tuple(f"{index}.{key}" for index, key in enumerate(keys))
        return Conversation(messages, classic, paths)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        part = {
            "type": "object",
            "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
            "required": ["type", "text"],
        }
        parts = {"type": "array", "items": part, "minItems": 1}
        classic = {"properties": {"message": {"type": "string"}}, "required": ["message"]}
        openai = {
            "properties": {
                "content": {"anyOf": [{"type": "string"}, parts]},
                "message": {"type": "null"},
            },
            "required": ["content"],
        }
        message = {
            "type": "object",
            "properties": {"role": {"enum": list(_ROLES)}},
            "required": ["role"],
            "anyOf": [classic, openai],
        }
        text = {"type": "string", "minLength": 1}
        return {"anyOf": [{"type": "array", "items": message, "minItems": 1}, text]}


def _at(index: int, item: object) -> Message:
    try:
        return _message(item)
    except ValidationError as error:
        raise ValidationError({index: error.messages}) from None


def _message(item: object) -> Message:
    if not isinstance(item, dict):
        raise ValidationError("must be an object with role and content")
    role = _role(item.get("role"))
    for name in _UNSUPPORTED:
        if item.get(name) not in (None, [], False):
            raise ValidationError({name: ["is not supported by this server"]})
    key = _text_key(item)
    return Message(role, _text(key, item.get(key)))


def _role(value: object) -> Role:
    for role in _ROLES:
        if value == role:
            return role
    known = ", ".join(_ROLES)
    if value is None:
        raise ValidationError({"role": [f"is required: one of {known}"]})
    later = "is not supported yet; it " if value in _LATER_ROLES else ""
    raise ValidationError({"role": [f"{later}must be one of {known}"]})


def _text_key(item: Mapping[str, object]) -> str:
    """In one message with both keys `message` counts."""
    return "message" if item.get("message") is not None else "content"


def _text(key: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        raise ValidationError({key: ["is required"]})
    if key == "message":
        raise ValidationError({key: ["must be a string"]})
    if not isinstance(value, list) or not value:
        raise ValidationError({key: ["must be a string or a list of text parts"]})
    parts = []
    for index, part in enumerate(value):
        try:
            parts.append(_part(part))
        except ValidationError as error:
            raise ValidationError({key: {index: error.messages}}) from None
    return "\n".join(parts)


def _part(part: object) -> str:
    if not isinstance(part, dict):
        raise ValidationError("must be an object with type and text")
    if part.get("type") != "text":
        raise ValidationError({"type": ['is not supported; only "text" parts are']})
    text = part.get("text")
    if not isinstance(text, str):
        raise ValidationError({"text": ["must be a string"]})
    return text
