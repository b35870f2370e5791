"""Structural tags: text with JSON between tags, each with a schema of its own.

{"structures": [{"begin": "<a>", "schema": {...}, "end": "</a>"}], "triggers": ["<a"]}, as vLLM and
SGLang have them: text is free until a trigger, after which a structure must follow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError

from app.protocol.fields import JsonSchema, below, read_items, unread_keys
from app.protocol.json_schema_keywords import unread_keywords, without_steering

_MAX_ITEMS = 128
_TEXT: JsonSchema = {"type": "string", "minLength": 1}
STRUCTURAL_TAG_SCHEMA: JsonSchema = {
    "type": "object",
    "properties": {
        "structures": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "begin": _TEXT,
                    "schema": {"type": ["object", "null"]},
                    "end": {"type": "string"},
                },
                "required": ["begin", "end"],
            },
            "minItems": 1,
            "maxItems": _MAX_ITEMS,
        },
        "triggers": {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": _MAX_ITEMS},
    },
    "required": ["structures", "triggers"],
}


def read_structural_tag(value: Mapping[str, Any]) -> str:
    """The text of a StructuredOutput, from the client's object.

    Raises:
        ValidationError: something in it is wrong.
    """
    if value.get("format") is not None:
        reason = "is not supported by this server; use structures and triggers"
        raise ValidationError({"format": [reason]})
    triggers = _items(value, "triggers", _read_text)

    def read_structure(item: object) -> dict[str, object]:
        return _structure(item, triggers)

    structures = _items(value, "structures", read_structure)
    return json.dumps({"structures": structures, "triggers": triggers})


def unread_in_structural_tag(value: Mapping[str, Any]) -> Iterator[str]:
    """Dotted paths of what `read_structural_tag` does not read in a valid value."""
    yield from unread_keys(value, "type", "structures", "triggers", "format")
    for index, item in enumerate(value["structures"]):
        path = f"structures.{index}"
        yield from below(path, unread_keys(item, "begin", "schema", "end"))
        yield from below(f"{path}.schema", unread_keywords(item.get("schema") or {}))


def _items(value: Mapping[str, Any], name: str, read: Any) -> tuple[Any, ...]:
    items = value.get(name)
    if not isinstance(items, list) or not 1 <= len(items) <= _MAX_ITEMS:
        raise ValidationError({name: [f"must be a list of 1 to {_MAX_ITEMS}"]})
    try:
        return read_items(items, read)
    except ValidationError as error:
        raise ValidationError({name: error.messages}) from None


def _read_text(item: object) -> str:
    if not isinstance(item, str) or not item:
        raise ValidationError("must be a string that is not empty")
    return item


def _structure(item: object, triggers: tuple[str, ...]) -> dict[str, object]:
    if not isinstance(item, dict):
        raise ValidationError("must be an object")
    begin, schema, end = item.get("begin"), item.get("schema"), item.get("end")
    if not isinstance(begin, str) or not begin.startswith(triggers):
        raise ValidationError({"begin": ["must be a string that begins with one of the triggers"]})
    if not isinstance(schema, dict | None):
        raise ValidationError({"schema": ["must be an object"]})
    if not isinstance(end, str):
        raise ValidationError({"end": ["must be a string"]})
    return {"begin": begin, "schema": without_steering(schema or {}), "end": end}
