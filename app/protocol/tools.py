"""`tools` of a chat request: the functions that the model may call."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields

from app.prompts import ReservedCharacterError
from app.prompts.tool_definitions import check_tools
from app.protocol.fields import JsonSchema, below, read_items, unread_keys
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

MAX_TOOLS = 128
#: Of all tools' JSON text together. What fits the context is for the engine to say.
MAX_CHARACTERS = 1 << 19
#: OpenAI's names, and dots: Model Context Protocol has them.
NAME = r"[A-Za-z0-9_.-]{1,128}"

_NO_PARAMETERS: Mapping[str, object] = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True)
class Tool:
    """One function."""

    name: str
    description: str | None
    parameters: Mapping[str, object]  #: a JSON schema
    strict: bool = False  #: arguments must keep to the schema

    @property
    def definition(self) -> dict[str, Any]:
        """As chat templates want it."""
        about = {} if self.description is None else {"description": self.description}
        function = {"name": self.name, **about, "parameters": self.parameters}
        return {"type": "function", "function": function}


class Tools(fields.Field[tuple[Tool, ...]]):
    """A list of functions with different names; an empty one is as good as none."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> tuple[Tool, ...]:
        return read_tools(value, _tool, name_path=("function", "name"))

    def unread(self, value: list[Mapping[str, Any]]) -> Iterator[str]:
        """Keys beside those of a function."""
        for index, tool in enumerate(value):
            yield from below(index, unread_keys(tool, "type", "function"))
            keys = unread_keys(tool["function"], "name", "description", "parameters", "strict")
            yield from below(f"{index}.function", keys)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        function = {
            "type": "object",
            "properties": {
                "name": {"type": "string", "pattern": f"^{NAME}$"},
                "description": {"type": ["string", "null"]},
                "parameters": {"type": ["object", "null"]},
                "strict": {"type": ["boolean", "null"]},
            },
            "required": ["name"],
        }
        tool = {
            "type": "object",
            "properties": {"type": {"const": "function"}, "function": function},
            "required": ["type", "function"],
        }
        return {"type": "array", "items": tool, "maxItems": MAX_TOOLS}


def read_tools(
    value: object, read: Callable[[Any], Tool | None], name_path: tuple[str, ...]
) -> tuple[Tool, ...]:
    """A list of tools with different names. read: makes a tool of an item, or None of one that is
    left out; name_path: of a tool's name, below the item.

    Raises:
        ValidationError: too many, too large, or what is wrong with the first bad one.
    """
    if not isinstance(value, list) or len(value) > MAX_TOOLS:
        raise ValidationError(f"must be a list of at most {MAX_TOOLS} tools")
    tools: dict[str, Tool] = {}

    def read_one(item: Any) -> Tool | None:
        tool = read(item)
        if tool:
            _check_characters(tool)
        return tool

    for index, tool in enumerate(read_items(value, read_one)):
        if tool and tools.setdefault(tool.name, tool) != tool:
            wrong: Any = ["is that of another tool too"]
            for key in reversed(name_path):
                wrong = {key: wrong}
            raise ValidationError({index: wrong})
    if len(json.dumps(value, ensure_ascii=False)) > MAX_CHARACTERS:
        raise ValidationError(f"must be at most {MAX_CHARACTERS} characters of JSON")
    return tuple(tools.values())


def _check_characters(tool: Tool) -> None:
    try:
        check_tools([tool.definition])
    except ReservedCharacterError:
        code = f"U+{ord(SPECIAL_TOKEN_GUARD):04X}"
        raise ValidationError(f"{code} is a private character this server reserves") from None


def read_function(function: Mapping[str, Any]) -> Tool:
    """A function by its name, description, parameters and strict.

    Raises:
        ValidationError: what is wrong, by key.
    """
    name, description = function.get("name"), function.get("description")
    parameters, strict = function.get("parameters"), function.get("strict")
    wrong: dict[str, list[str]] = {}
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        wrong["name"] = ["must be 1 to 128 letters, digits, underscores, dashes or dots"]
    if not isinstance(description, str | None):
        wrong["description"] = ["must be a string"]
    if not isinstance(parameters, dict | None):
        wrong["parameters"] = ["must be a JSON schema, an object"]
    if not isinstance(strict, bool | None):
        wrong["strict"] = ["must be true or false"]
    if wrong:
        raise ValidationError(wrong)
    return Tool(str(name), description, parameters or _NO_PARAMETERS, bool(strict))


def _tool(item: object) -> Tool:
    if not isinstance(item, dict):
        raise ValidationError("must be an object with type and function")
    if item.get("type") != "function":
        raise ValidationError({"type": ['must be "function": other tools are not supported']})
    function = item.get("function")
    if not isinstance(function, dict):
        raise ValidationError({"function": ["must be an object with name and parameters"]})
    try:
        return read_function(function)
    except ValidationError as error:
        raise ValidationError({"function": error.messages}) from None
