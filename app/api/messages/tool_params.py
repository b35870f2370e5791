"""`tools` and `tool_choice` of Anthropic's API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import ValidationError, fields

from app.generation.request import ToolUse
from app.protocol.fields import JsonSchema, below, unread_keys
from app.protocol.tool_choice import ToolChoice
from app.protocol.tools import MAX_TOOLS, NAME, Tool, read_function, read_tools

#: Types of tools that the client runs and describes; others are Anthropic's own.
_OWN_TYPES = (None, "custom")
_MODES = {"auto": "auto", "any": "required", "tool": "required", "none": "none"}
#: What is read of a tool, or asks for what is done anyway.
_KEYS = ("type", "name", "description", "input_schema", "strict", "cache_control")
_NO_OP: Mapping[str, tuple[object, ...]] = {
    "defer_loading": (False,),
    "eager_input_streaming": (True, False),
    "allowed_callers": (["direct"],),
    "input_examples": ([],),
}


class ToolParams(fields.Field[tuple[Tool, ...]]):
    """A list of tools with different names. Those of other types, which Anthropic's servers or
    its clients bring along, are left out: agents send them whatever the server can do."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> tuple[Tool, ...]:
        return read_tools(value, _tool, name_path=("name",))

    def unread(self, value: list[Mapping[str, Any]]) -> Iterator[str]:
        """Tools that are left out, and keys of the others."""
        for index, tool in enumerate(value):
            if tool.get("type") not in _OWN_TYPES:
                yield str(index)
                continue
            asked = {k: v for k, v in tool.items() if v not in _NO_OP.get(k, ())}
            yield from below(index, unread_keys(asked, *_KEYS))

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        own = {
            "type": "object",
            "properties": {
                "type": {"enum": ["custom", None]},
                "name": {"type": "string", "pattern": f"^{NAME}$"},
                "description": {"type": ["string", "null"]},
                "input_schema": {"type": "object"},
                "strict": {"type": ["boolean", "null"]},
            },
            "required": ["name", "input_schema"],
        }
        other = {
            "type": "object",
            "properties": {"type": {"type": "string", "not": {"const": "custom"}}},
            "required": ["type"],
        }
        return {"type": "array", "items": {"anyOf": [own, other]}, "maxItems": MAX_TOOLS}


def _tool(item: object) -> Tool | None:
    if not isinstance(item, dict):
        raise ValidationError("must be an object with name and input_schema")
    kind = item.get("type")
    if not isinstance(kind, str | None):
        raise ValidationError({"type": ["must be a string"]})
    if kind not in _OWN_TYPES:
        return None
    if not isinstance(item.get("input_schema"), dict):
        raise ValidationError({"input_schema": ["must be a JSON schema, an object"]})
    return read_function({**item, "parameters": item["input_schema"]})


@dataclass(frozen=True, slots=True)
class ToolChoiceParam:
    """Whether, and which of its tools, the model must call, and whether several at once."""

    choice: ToolChoice = field(default_factory=ToolChoice)
    parallel: bool = True


class ToolChoiceParamField(fields.Field[ToolChoiceParam]):
    """An object with a type: auto, any, tool (with its name) or none."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> ToolChoiceParam:
        if not isinstance(value, dict):
            raise ValidationError("must be an object with type")
        kind, one_call = value.get("type"), value.get("disable_parallel_tool_use")
        if not isinstance(kind, str) or kind not in _MODES:
            raise ValidationError({"type": ["must be one of " + ", ".join(_MODES)]})
        if not isinstance(one_call, bool | None):
            raise ValidationError({"disable_parallel_tool_use": ["must be true or false"]})
        if kind != "tool":
            return ToolChoiceParam(ToolChoice(_MODES[kind]), not one_call)
        name = value.get("name")
        if not isinstance(name, str):
            raise ValidationError({"name": ["must be the name of a tool"]})
        return ToolChoiceParam(ToolChoice("required", (name,), one=True, paths=("name",)), False)

    def unread(self, value: Mapping[str, Any]) -> Iterator[str]:
        """Keys beside those of a choice."""
        named = ("name",) if value["type"] == "tool" else ()
        yield from unread_keys(value, "type", "disable_parallel_tool_use", *named)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        kinds = {"enum": [kind for kind in _MODES if kind != "tool"]}
        one_call = {"disable_parallel_tool_use": {"type": ["boolean", "null"]}}
        mode = {
            "type": "object",
            "properties": {"type": kinds, **one_call},
            "required": ["type"],
        }
        named = {
            "type": "object",
            "properties": {"type": {"const": "tool"}, "name": {"type": "string"}, **one_call},
            "required": ["type", "name"],
        }
        return {"anyOf": [mode, named]}


def read_tool_use(values: Mapping[str, Any]) -> ToolUse | None:
    """Which tools the answer may call; None without tools.

    Raises:
        BadRequest: the fields contradict each other.
    """
    tools: tuple[Tool, ...] = values.get("tools", ())
    given: ToolChoiceParam = values.get("tool_choice", ToolChoiceParam())
    return ToolUse.of(tools, given.choice, parallel=given.parallel)
