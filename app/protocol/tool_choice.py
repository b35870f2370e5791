"""`tool_choice` of a chat request: whether, and which of its tools, the model must call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from marshmallow import ValidationError, fields

from app.protocol.fields import JsonSchema, below, read_items, unread_keys
from app.protocol.loading import field_error
from app.protocol.tools import Tool

MODES = ("none", "auto", "required")
#: Of a choice among some of the tools.
ALLOWED_MODES = ("auto", "required")


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """As the request says it."""

    mode: str = "auto"  #: "none", "auto", "required"
    allowed: tuple[str, ...] | None = None  #: names; None: all tools
    one: bool = False  #: one function is named, to be called once
    paths: tuple[str, ...] = ()  #: of the names, below the field

    @property
    def required(self) -> bool:
        """The answer must be a call."""
        return self.mode == "required"


class ToolChoiceField(fields.Field[ToolChoice]):
    """A mode, one function, or a mode and some of the tools."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> ToolChoice:
        if isinstance(value, str) and value in MODES:
            return ToolChoice(value)
        kind = value.get("type") if isinstance(value, dict) else None
        if kind == "function":
            return ToolChoice("required", (_name(value),), one=True, paths=("function.name",))
        if kind == "allowed_tools":
            return _allowed(value.get(kind))
        if isinstance(value, dict):
            raise ValidationError({"type": ['must be "function" or "allowed_tools"']})
        raise ValidationError('must be "none", "auto", "required" or an object')

    def unread(self, value: Any) -> Iterator[str]:
        """Keys beside those of a choice."""
        if not isinstance(value, dict):
            return
        kind = value["type"]
        yield from unread_keys(value, "type", kind)
        if kind == "function":
            yield from below(kind, unread_keys(value[kind], "name"))
        else:
            yield from below(kind, unread_keys(value[kind], "mode", "tools"))
            for index, tool in enumerate(value[kind]["tools"]):
                yield from below(f"{kind}.tools.{index}", unread_keys(tool, "type", "function"))

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        function = {
            "type": "object",
            "properties": {
                "type": {"const": "function"},
                "function": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}},
                    "required": ["name"],
                },
            },
            "required": ["type", "function"],
        }
        allowed = {
            "type": "object",
            "properties": {
                "mode": {"enum": list(ALLOWED_MODES)},
                "tools": {"type": "array", "items": function, "minItems": 1},
            },
            "required": ["mode", "tools"],
        }
        some = {
            "type": "object",
            "properties": {"type": {"const": "allowed_tools"}, "allowed_tools": allowed},
            "required": ["type", "allowed_tools"],
        }
        return {"anyOf": [{"enum": list(MODES)}, function, some]}


def read_allowed_tools(
    value: object, read_name: Callable[[object], str | None], name_path: str
) -> ToolChoice:
    """A mode and some of the tools, as every API has them.

    read_name: the name that an item of `tools` has, None of one that is left out; name_path: of
    the name below the item.

    Raises:
        ValidationError: with the path below `value` of what is wrong.
    """
    if not isinstance(value, dict):
        raise ValidationError("must be an object with mode and tools")
    if value.get("mode") not in ALLOWED_MODES:
        raise ValidationError({"mode": ['must be "auto" or "required"']})
    tools = value.get("tools")
    if not isinstance(tools, list) or not tools:
        raise ValidationError({"tools": ["must be a list of tools"]})
    try:
        names = read_items(tools, read_name)
    except ValidationError as error:
        raise ValidationError({"tools": error.messages}) from None
    read = {
        f"tools.{index}.{name_path}": name for index, name in enumerate(names) if name is not None
    }
    return ToolChoice(value["mode"], tuple(read.values()), paths=tuple(read))


def choose_tools(tools: tuple[Tool, ...], choice: ToolChoice) -> tuple[Tool, ...]:
    """The tools that the model may call.

    Raises:
        BadRequest: the choice names a tool that is not offered, or there is none to call.
    """
    if choice.required and not (tools and choice.allowed != ()):
        raise field_error("tool_choice", "needs tools")
    names = {tool.name for tool in tools}
    for name, path in zip(choice.allowed or (), choice.paths, strict=True):
        if name not in names:
            raise field_error(f"tool_choice.{path}", "is none of the tools")
    if choice.mode == "none":
        return ()
    allowed = names if choice.allowed is None else set(choice.allowed)
    return tuple(tool for tool in tools if tool.name in allowed)


def _allowed(value: object) -> ToolChoice:
    try:
        choice = read_allowed_tools(value, _named_function, "function.name")
    except ValidationError as error:
        raise ValidationError({"allowed_tools": error.messages}) from None
    return replace(choice, paths=tuple(below("allowed_tools", choice.paths)))


def _named_function(item: object) -> str:
    if not isinstance(item, dict):
        raise ValidationError("must be an object with type and function")
    if item.get("type") != "function":
        raise ValidationError({"type": ['must be "function"']})
    return _name(item)


def _name(item: Mapping[str, Any]) -> str:
    function = item.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise ValidationError({"function": {"name": ["must be the name of a tool"]}})
    return str(function["name"])
