"""`tools` of /v1/responses: functions; tools of other kinds are left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError, fields

from app.protocol.fields import JsonSchema, below, unread_keys
from app.protocol.tools import MAX_TOOLS, NAME, Tool, read_function, read_tools

_FUNCTION_KEYS = ("type", "name", "description", "parameters", "strict")
OTHER_KIND: JsonSchema = {
    "type": "object",
    "properties": {"type": {"type": "string", "not": {"const": "function"}}},
    "required": ["type"],
}


class FunctionTools(fields.Field[tuple[Tool, ...]]):
    """Agents send tools of any kinds, and expect that the model does without those which the
    server does not run."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> tuple[Tool, ...]:
        return read_tools(value, _tool, name_path=("name",))

    def unread(self, value: list[Mapping[str, Any]]) -> Iterator[str]:
        """Tools that are left out, and keys beside those of a function."""
        for index, tool in enumerate(value):
            keys = unread_keys(tool, *_FUNCTION_KEYS) if is_function(tool) else ("",)
            yield from below(index, keys)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        function = {
            "type": "object",
            "properties": {
                "type": {"const": "function"},
                "name": {"type": "string", "pattern": f"^{NAME}$"},
                "description": {"type": ["string", "null"]},
                "parameters": {"type": ["object", "null"]},
                "strict": {"type": ["boolean", "null"]},
            },
            "required": ["type", "name"],
        }
        items = {"anyOf": [function, OTHER_KIND]}
        return {"type": "array", "items": items, "maxItems": MAX_TOOLS}


def is_function(item: Mapping[str, object]) -> bool:
    """Whether a tool, or the name of one, is of the kind that is run here."""
    return item["type"] == "function"


def _tool(item: object) -> Tool | None:
    """A function; None of a tool of another kind."""
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        raise ValidationError({"type": ['must be "function", or the kind of another tool']})
    if not is_function(item):
        return None
    return read_function(item)
