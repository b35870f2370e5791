"""One content block of a message that a client sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from app.protocol.fields import below, read_items, unread_keys
from app.protocol.tool_messages import ToolCall

#: Marks for Anthropic's cache. Ours needs none: it finds the longest common prefix by itself.
_CACHE_CONTROL = "cache_control"


@dataclass(frozen=True, slots=True)
class TextParam:
    """A text."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingParam:
    """What the assistant thought before its answer."""

    thinking: str  #: "" where it comes encrypted, which nothing here can read


@dataclass(frozen=True, slots=True)
class ToolUseParam:
    """A tool that the assistant called."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ToolResultParam:
    """What a tool has returned."""

    tool_use_id: str
    text: str


BlockParam = TextParam | ThinkingParam | ToolUseParam | ToolResultParam


def read_block(item: object, role: str) -> BlockParam:
    """A block of a message of this role.

    Raises:
        ValidationError: what is wrong, by key. A kind of block that is not served is named.
    """
    kinds = _KINDS[role]
    if not isinstance(item, dict):
        raise ValidationError("must be an object with type")
    read = kinds.get(str(item.get("type")))
    if read is None:
        names = ", ".join(f'"{kind}"' for kind in kinds)
        shown = str(item.get("type"))[:40]
        raise ValidationError({"type": [f'"{shown}" is not supported; only {names} are']})
    return read(item)


def unread_in_block(block: Mapping[str, Any]) -> Iterator[str]:
    """Paths below a block, which has been read, of what nothing reads."""
    kind = block["type"]
    yield from unread_keys(block, "type", _CACHE_CONTROL, *_KEYS[kind])
    if kind == "redacted_thinking":
        yield "data"
    if kind == "tool_result":
        if block.get("is_error"):
            yield "is_error"
        yield from below("content", unread_in_blocks(block.get("content")))


def unread_in_blocks(content: object) -> Iterator[str]:
    """The same of a content, which may be a string."""
    for index, block in enumerate(content if isinstance(content, list) else ()):
        yield from below(index, unread_in_block(block))


def _text(block: Mapping[str, Any]) -> TextParam:
    return TextParam(_string(block, "text"))


def _thinking(block: Mapping[str, Any]) -> ThinkingParam:
    return ThinkingParam(_string(block, "thinking"))


def _redacted_thinking(block: Mapping[str, Any]) -> ThinkingParam:
    return ThinkingParam("")


def _tool_use(block: Mapping[str, Any]) -> ToolUseParam:
    arguments = block.get("input")
    if not isinstance(arguments, dict):
        raise ValidationError({"input": ["must be an object"]})
    return ToolUseParam(ToolCall(_name(block, "id"), _name(block, "name"), arguments))


def _tool_result(block: Mapping[str, Any]) -> ToolResultParam:
    call_id, content = _name(block, "tool_use_id"), block.get("content")
    if not isinstance(block.get("is_error"), bool | None):
        raise ValidationError({"is_error": ["must be true or false"]})
    if content is None or isinstance(content, str):
        return ToolResultParam(call_id, content or "")
    if not isinstance(content, list):
        raise ValidationError({"content": ["must be a string or a list of content blocks"]})
    try:
        parts = read_items(content, lambda part: read_block(part, "tool_result"))
    except ValidationError as error:
        raise ValidationError({"content": error.messages}) from None
    return ToolResultParam(call_id, "\n".join(p.text for p in parts if isinstance(p, TextParam)))


def _tool_reference(block: Mapping[str, Any]) -> TextParam:
    """A tool that a search of tools has found: all tools are shown to the model anyway."""
    return TextParam(_string(block, "tool_name"))


def _string(block: Mapping[str, Any], key: str) -> str:
    value = block.get(key)
    if not isinstance(value, str):
        raise ValidationError({key: ["must be a string"]})
    return value


def _name(block: Mapping[str, Any], key: str) -> str:
    value = _string(block, key)
    if not value:
        raise ValidationError({key: ["must not be empty"]})
    return value


_Readers = Mapping[str, Callable[[Mapping[str, Any]], BlockParam]]
#: By the message's role; "tool_result": of what is in such a block.
_KINDS: Mapping[str, _Readers] = {
    "user": {"text": _text, "tool_result": _tool_result},
    "assistant": {
        "text": _text,
        "thinking": _thinking,
        "redacted_thinking": _redacted_thinking,
        "tool_use": _tool_use,
    },
    "system": {"text": _text},
    "tool_result": {"text": _text, "tool_reference": _tool_reference},
}
#: By kind, what is read of a block, or says nothing.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "text": ("text",),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
    "tool_use": ("id", "name", "input"),
    "tool_result": ("tool_use_id", "content", "is_error"),
    "tool_reference": ("tool_name",),
}
