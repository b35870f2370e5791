"""`messages` of Anthropic's API, read as one conversation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from marshmallow import ValidationError, fields

from app.api.messages.block_schemas import block_schemas
from app.api.messages.content_block_param import (
    BlockParam,
    TextParam,
    ThinkingParam,
    ToolResultParam,
    ToolUseParam,
    read_block,
    unread_in_blocks,
)
from app.api.messages.system_text import without_billing_line
from app.protocol.fields import JsonSchema, below, read_items, unread_keys
from app.protocol.messages import Conversation, Message, MessagePaths, Role

_ROLES = ("user", "assistant", "system")
_ROLE_OF: Mapping[str, Role] = {role: role for role in get_args(Role)}


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn, and where the request has its parts."""

    message: Message
    paths: MessagePaths


class MessageParams(fields.Field[Conversation]):
    """A list of messages. Consecutive ones of the user, or of the assistant, are one turn, as
    Anthropic's documentation says: many chat templates want roles that alternate."""

    def __init__(self) -> None:
        super().__init__(required=True, error_messages={"required": "is required"})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Conversation:
        if not isinstance(value, list):
            raise ValidationError("must be a list of messages")
        if not value:
            raise ValidationError("must not be empty")
        turns: list[Turn] = []
        for index, found in enumerate(read_items(value, _read_message)):
            for turn in found:
                _append(turns, Turn(turn.message, _below(turn.paths, f"{attr}.{index}")))
        return conversation_of(turns)

    def unread(self, value: list[Mapping[str, Any]]) -> Iterator[str]:
        """Keys of messages and of what is in them."""
        for index, item in enumerate(value):
            yield from below(index, unread_keys(item, "role", "content"))
            yield from below(f"{index}.content", unread_in_blocks(item["content"]))

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        messages = [
            {
                "type": "object",
                "properties": {
                    "role": {"const": role},
                    "content": {
                        "anyOf": [
                            {"type": "string"},
                            {"type": "array", "items": {"anyOf": block_schemas(role)}},
                        ]
                    },
                },
                "required": ["role", "content"],
            }
            for role in _ROLES
        ]
        return {"type": "array", "items": {"anyOf": messages}, "minItems": 1}


def conversation_of(turns: Sequence[Turn]) -> Conversation:
    """The turns as the conversation that the engine reads."""
    messages = tuple(turn.message for turn in turns)
    return Conversation(messages, False, tuple(turn.paths for turn in turns))


def _read_message(item: object) -> list[Turn]:
    """A message's turns, with paths below it: one, but a user's message with the results of tools
    is one for each result and one for the text beside them."""
    if not isinstance(item, dict):
        raise ValidationError("must be an object with role and content")
    role, content = item.get("role"), item.get("content")
    if role not in _ROLES:
        raise ValidationError({"role": ["must be one of " + ", ".join(_ROLES)]})
    if content is None:
        raise ValidationError({"content": ["is required"]})
    if isinstance(content, str):
        return [_text_turn(role, content, "content")]
    if not isinstance(content, list):
        raise ValidationError({"content": ["must be a string or a list of content blocks"]})
    try:
        blocks = read_items(content, lambda block: read_block(block, role))
    except ValidationError as error:
        raise ValidationError({"content": error.messages}) from None
    return [_assistant_turn(blocks)] if role == "assistant" else _other_turns(role, blocks)


def _text_turn(role: str, text: str, path: str) -> Turn:
    if role == "system":
        text = without_billing_line(text)
    return Turn(Message(_ROLE_OF[role], text), MessagePaths(path))


def _other_turns(role: str, blocks: Sequence[BlockParam]) -> list[Turn]:
    """Of a user's or a system message; results come first, wherever they stand: they belong to
    the calls before them."""
    turns = []
    texts = [(i, block.text) for i, block in enumerate(blocks) if isinstance(block, TextParam)]
    for index, block in enumerate(blocks):
        if isinstance(block, ToolResultParam):
            message = Message("tool", block.text, tool_call_id=block.tool_use_id)
            path = f"content.{index}"
            paths = MessagePaths(f"{path}.content", tool_calls=f"{path}.tool_use_id")
            turns.append(Turn(message, paths))
    if texts or not turns:
        path = f"content.{texts[0][0]}.text" if texts else "content"
        turns.append(_text_turn(role, "\n".join(text for _, text in texts), path))
    return turns


def _assistant_turn(blocks: Sequence[BlockParam]) -> Turn:
    """The texts of one answer are joined as they were written: without anything between them."""
    text = "".join(block.text for block in blocks if isinstance(block, TextParam))
    thoughts = [block.thinking for block in blocks if isinstance(block, ThinkingParam)]
    calls = tuple(block.call for block in blocks if isinstance(block, ToolUseParam))
    message = Message(
        "assistant",
        text,
        has_text=bool(text) or not calls,
        tool_calls=calls,
        reasoning_content="\n".join(filter(None, thoughts)) or None,
    )
    paths = MessagePaths(
        text=_path(blocks, TextParam, "text"),
        reasoning_content=_path(blocks, ThinkingParam, "thinking"),
        tool_calls=_path(blocks, ToolUseParam, "input"),
    )
    return Turn(message, paths)


def _path(blocks: Sequence[BlockParam], kind: type[BlockParam], key: str) -> str:
    """Path of the first block of a kind."""
    found = (f"content.{i}.{key}" for i, block in enumerate(blocks) if isinstance(block, kind))
    return next(found, "content")


def _append(turns: list[Turn], turn: Turn) -> None:
    """Add a turn, or join it to the last one."""
    role = turn.message.role
    if not turns or role not in ("user", "assistant") or turns[-1].message.role != role:
        turns.append(turn)
        return
    before, after = turns[-1].message, turn.message
    thoughts = filter(None, (before.reasoning_content, after.reasoning_content))
    joined = replace(
        before,
        text=("\n" if role == "user" else "").join((before.text, after.text)),
        has_text=before.has_text or after.has_text,
        tool_calls=before.tool_calls + after.tool_calls,
        reasoning_content="\n".join(thoughts) or None,
    )
    turns[-1] = Turn(joined, turns[-1].paths)


def _below(paths: MessagePaths, path: str) -> MessagePaths:
    return MessagePaths(
        text=f"{path}.{paths.text}",
        reasoning_content=f"{path}.{paths.reasoning_content}",
        tool_calls=f"{path}.{paths.tool_calls}",
    )
