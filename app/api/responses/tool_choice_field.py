"""`tool_choice` of /v1/responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError, fields

from app.api.responses.tools_field import OTHER_KIND, is_function
from app.protocol.fields import JsonSchema, below, unread_keys
from app.protocol.tool_choice import ALLOWED_MODES, MODES, ToolChoice, read_allowed_tools


class FunctionChoice(fields.Field[ToolChoice]):
    """A mode, one function, or a mode and some of the tools."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> ToolChoice:
        if isinstance(value, str) and value in MODES:
            return ToolChoice(value)
        if not isinstance(value, dict):
            raise ValidationError('must be "none", "auto", "required" or an object')
        if value.get("type") == "function":
            return ToolChoice("required", (_name(value),), one=True, paths=("name",))
        if value.get("type") == "allowed_tools":
            return read_allowed_tools(value, _allowed_name, "name")
        raise ValidationError({"type": ['must be "function" or "allowed_tools"']})

    def unread(self, value: Any) -> Iterator[str]:
        """Tools that are left out, and keys beside those of a choice."""
        if not isinstance(value, dict):
            return
        if value["type"] == "function":
            yield from unread_keys(value, "type", "name")
            return
        yield from unread_keys(value, "type", "mode", "tools")
        for index, tool in enumerate(value["tools"]):
            keys = unread_keys(tool, "type", "name") if is_function(tool) else ("",)
            yield from below(f"tools.{index}", keys)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        function = {
            "type": "object",
            "properties": {
                "type": {"const": "function"},
                "name": {"type": "string", "minLength": 1},
            },
            "required": ["type", "name"],
        }
        some = {
            "type": "object",
            "properties": {
                "type": {"const": "allowed_tools"},
                "mode": {"enum": list(ALLOWED_MODES)},
                "tools": {
                    "type": "array",
                    "items": {"anyOf": [function, OTHER_KIND]},
                    "minItems": 1,
                },
            },
            "required": ["type", "mode", "tools"],
        }
        return {"anyOf": [{"enum": list(MODES)}, function, some]}


def _allowed_name(item: object) -> str | None:
    """A function's name; None of a tool of another kind."""
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        raise ValidationError({"type": ['must be "function", or the kind of another tool']})
    return _name(item) if is_function(item) else None


def _name(item: Mapping[str, Any]) -> str:
    name = item.get("name")
    if not isinstance(name, str) or not name:
        raise ValidationError({"name": ["must be the name of a tool"]})
    return name
