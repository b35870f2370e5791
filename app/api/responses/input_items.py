"""One item of `input`: a message, the model's thinking, a call, or a call's output."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from app.api.responses.item_content import (
    MESSAGE_PARTS,
    OUTPUT_PARTS,
    REASONING_PARTS,
    read_content,
    unread_in_content,
)
from app.protocol.fields import below, unread_keys
from app.protocol.messages import Message, Role
from app.protocol.tool_messages import read_function_call

ROLES: tuple[Role, ...] = ("user", "assistant", "system", "developer")
#: What tools of OpenAI's own have done, and what controls a conversation stored there: the model
#: cannot read it, so it is left out.
LEFT_OUT = frozenset(
    """
    additional_tools apply_patch_call apply_patch_call_output code_interpreter_call compaction
    compaction_trigger computer_call computer_call_output configuration_update file_search_call
    image_generation_call local_shell_call local_shell_call_output mcp_approval_request
    mcp_approval_response mcp_call mcp_list_tools program program_output shell_call
    shell_call_output tool_search_call tool_search_output web_search_call
    """.split()
)
REFERENCE = "item_reference"
_NO_ID = "must be the id of an item"
_UNKNOWN = (
    "is no item that this server keeps: it keeps those of recent answers until it restarts, and "
    "none of a request with store: false. Send the items themselves, as clients do with store: "
    "false"
)
#: Keys of every item that say nothing about its text.
_ABOUT = ("type", "id", "status", "phase")

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How items of one type are read. A part of a turn is a message that has nothing else."""

    read: Callable[[Item], Message | None]
    keys: tuple[str, ...]  #: that are read as they are
    contents: Mapping[str, Mapping[str, str]]  #: keys with parts, and the kinds of these


def read_item(item: object) -> Message | None:
    """A turn, or a part of one; None of an item that is left out. References that are known have
    been replaced.

    Raises:
        ValidationError: with the path below the item of what is wrong.
    """
    if not isinstance(item, dict):
        raise ValidationError("must be an object with type, or role and content")
    kind = _kind_of(item)
    if kind == REFERENCE:
        raise ValidationError({"id": [_UNKNOWN if isinstance(item.get("id"), str) else _NO_ID]})
    if isinstance(kind, str) and kind in _KINDS:
        return _KINDS[kind].read(item)
    if isinstance(kind, str) and kind in LEFT_OUT:
        return None
    raise ValidationError({"type": [f"must be one of {', '.join(_KINDS)}"]})


def unread_in_item(item: Item) -> Iterator[str]:
    """Paths below an item, which has been read, of what nothing reads; "" is the item."""
    kind = _kind_of(item)
    if kind in LEFT_OUT:
        yield ""
        return
    reading = _KINDS[str(kind)]
    yield from unread_keys(item, *_ABOUT, *reading.keys, *reading.contents)
    for key, parts in reading.contents.items():
        yield from below(key, unread_in_content(item.get(key), parts))


def is_reference(item: object) -> bool:
    """Whether an item stands for one of an earlier answer."""
    return isinstance(item, dict) and _kind_of(item) == REFERENCE


def _kind_of(item: Item) -> object:
    """A message needs no type, nor does a reference."""
    kind = item.get("type")
    if kind is None and "role" in item:
        return "message"
    return REFERENCE if kind is None and set(item) <= {"type", "id"} and item.get("id") else kind


def _message(item: Item) -> Message:
    role = next((role for role in ROLES if role == item.get("role")), None)
    if role is None:
        raise ValidationError({"role": [f"must be one of {', '.join(ROLES)}"]})
    return Message(role, _content(item, "content", MESSAGE_PARTS))


def _reasoning(item: Item) -> Message | None:
    """The thinking itself, or what stands for it. What is encrypted only is left out."""
    texts = [
        "" if item.get(key) is None else _content(item, key, REASONING_PARTS, joint="")
        for key in ("content", "summary")
    ]
    text = texts[0] or texts[1]
    if not text:
        return None
    return Message("assistant", "", has_text=False, reasoning_content=text)


def _function_call(item: Item) -> Message:
    call_id = _call_id(item)
    if not isinstance(item.get("arguments"), str):
        raise ValidationError({"arguments": ["must be the JSON text of an object"]})
    call = read_function_call(call_id, item)
    return Message("assistant", "", has_text=False, tool_calls=(call,))


def _custom_call(item: Item) -> Message:
    """A call whose input is free text."""
    if not isinstance(item.get("input"), str):
        raise ValidationError({"input": ["must be a string"]})
    call = read_function_call(_call_id(item), {**item, "arguments": item["input"]})
    return Message("assistant", "", has_text=False, tool_calls=(call,))


def _call_output(item: Item) -> Message:
    name = item.get("name")
    if not isinstance(name, str | None):
        raise ValidationError({"name": ["must be a string"]})
    text = _content(item, "output", OUTPUT_PARTS)
    return Message("tool", text, tool_call_id=_call_id(item), name=name)


def _call_id(item: Item) -> str:
    call_id = item.get("call_id")
    if not isinstance(call_id, str) or not call_id:
        raise ValidationError({"call_id": ["must be the id of a call"]})
    return call_id


def _content(item: Item, key: str, kinds: Mapping[str, str], joint: str = "\n") -> str:
    try:
        return read_content(item.get(key), kinds, joint)
    except ValidationError as error:
        raise ValidationError({key: error.messages}) from None


_KINDS: Mapping[str, _Kind] = {
    "message": _Kind(_message, ("role",), {"content": MESSAGE_PARTS}),
    "reasoning": _Kind(_reasoning, (), {"content": REASONING_PARTS, "summary": REASONING_PARTS}),
    "function_call": _Kind(_function_call, ("call_id", "name", "arguments"), {}),
    "function_call_output": _Kind(_call_output, ("call_id", "name"), {"output": OUTPUT_PARTS}),
    "custom_tool_call": _Kind(_custom_call, ("call_id", "name", "input"), {}),
    "custom_tool_call_output": _Kind(_call_output, ("call_id", "name"), {"output": OUTPUT_PARTS}),
}
