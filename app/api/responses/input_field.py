"""`input`, a text or a list of items, read as one conversation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from marshmallow import ValidationError, fields

from app.api.responses.input_items import LEFT_OUT, REFERENCE, ROLES, read_item, unread_in_item
from app.api.responses.item_content import (
    MESSAGE_PARTS,
    OUTPUT_PARTS,
    REASONING_PARTS,
    parts_schema,
)
from app.protocol.fields import JsonSchema, below
from app.protocol.messages import Conversation, Message, MessagePaths
from app.protocol.tool_messages import ToolCall

_EMPTY = Message("user", "")


class Input(fields.Field[Conversation]):
    """A text, as one user message, or items. What the assistant has thought, said and called
    since the last other item is one turn. Nothing at all is an empty message."""

    def __init__(self, *, required: bool = True) -> None:
        super().__init__(required=required, error_messages={"required": "is required"})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Conversation:
        field = str(attr)
        if isinstance(value, str):
            value = [{"role": "user", "content": value}]
            turns = [(Message("user", value[0]["content"]), MessagePaths(field))]
        elif isinstance(value, list):
            turns = list(_joined(_read(value, field)))
        else:
            raise ValidationError("must be a string or a list of items")
        messages, paths = zip(*(turns or [(_EMPTY, MessagePaths(field))]), strict=True)
        return Conversation(messages, classic=False, paths=paths, field=field)

    def unread(self, value: str | list[dict[str, Any]]) -> Iterator[str]:
        """Items that are left out, and keys of the others."""
        for index, item in enumerate(value if isinstance(value, list) else []):
            yield from below(index, unread_in_item(item))

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        content = parts_schema(MESSAGE_PARTS)
        message = _item("message", role={"enum": list(ROLES)}, content=content)
        message["properties"]["type"] = {"enum": ["message", None]}
        message["required"] = ["role", "content"]
        call = _item("function_call", call_id=_ID, name=_ID, arguments=_TEXT)
        custom = _item("custom_tool_call", call_id=_ID, name=_ID, input=_TEXT)
        outputs = [
            _item(kind, call_id=_ID, output=parts_schema(OUTPUT_PARTS))
            for kind in ("function_call_output", "custom_tool_call_output")
        ]
        for output in outputs:
            output["properties"]["name"] = {"type": ["string", "null"]}
        thought = {"anyOf": [*parts_schema(REASONING_PARTS)["anyOf"], {"type": "null"}]}
        reasoning = _item("reasoning", content=thought, summary=thought)
        reasoning["required"] = ["type"]
        reference = _item(REFERENCE, id=_ID)
        reference["properties"]["type"] = {"enum": [REFERENCE, None]}
        reference["required"] = ["id"]
        others = _item("web_search_call")
        others["properties"]["type"] = {"enum": sorted(LEFT_OUT)}
        items = {"anyOf": [message, reasoning, call, custom, *outputs, reference, others]}
        return {"anyOf": [_TEXT, {"type": "array", "items": items}]}


_TEXT: JsonSchema = {"type": "string"}
_ID: JsonSchema = {"type": "string", "minLength": 1}


def _item(kind: str, **properties: JsonSchema) -> JsonSchema:
    return {
        "type": "object",
        "properties": {"type": {"const": kind}, **properties},
        "required": ["type", *properties],
    }


def _read(items: Iterable[object], field: str) -> Iterator[tuple[Message, MessagePaths]]:
    for index, item in enumerate(items):
        try:
            part = read_item(item)
        except ValidationError as error:
            raise ValidationError({index: error.messages}) from None
        if part is not None:
            path = f"{field}.{index}"
            key = "output" if part.role == "tool" else "content"
            yield part, MessagePaths(f"{path}.{key}", f"{path}.name", path, path)


def _joined(
    parts: Iterable[tuple[Message, MessagePaths]],
) -> Iterator[tuple[Message, MessagePaths]]:
    """Parts of one assistant's turn as one message."""
    turn: _Turn | None = None
    for part, paths in parts:
        if turn is None or not turn.takes(part):
            if turn is not None:
                yield turn.whole()
            turn = _Turn(part, paths)
        turn.add(part, paths)
    if turn is not None:
        yield turn.whole()


class _Turn:
    """A turn while its parts are collected."""

    def __init__(self, first: Message, paths: MessagePaths) -> None:
        self._first, self._paths = first, paths
        self._texts: list[str] = []
        self._calls: list[ToolCall] = []

    def takes(self, part: Message) -> bool:
        """Whether the part may be of the same answer: thinking, a text, calls and texts."""
        if self._first.role != "assistant" or part.role != "assistant":
            return False
        if part.reasoning_content is not None:
            return False
        return bool(part.tool_calls or self._calls or not self._texts)

    def add(self, part: Message, paths: MessagePaths) -> None:
        """Take the next part."""
        if part.has_text and not self._texts:
            self._paths = replace(self._paths, text=paths.text)
        if part.tool_calls and not self._calls:
            self._paths = replace(self._paths, tool_calls=paths.tool_calls)
        self._texts += [part.text] if part.has_text else []
        self._calls += part.tool_calls

    def whole(self) -> tuple[Message, MessagePaths]:
        """The turn as a message; thinking alone has an empty text."""
        has_text = bool(self._texts) or not self._calls
        calls = tuple(self._calls)
        text = "".join(self._texts)
        return replace(self._first, text=text, has_text=has_text, tool_calls=calls), self._paths
