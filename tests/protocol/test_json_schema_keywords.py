"""Keys that would steer the grammar library are named and left out; properties keep their names."""

from __future__ import annotations

import copy
from typing import Any

from app.protocol.json_schema_keywords import unread_keywords, without_steering

SCHEMA: dict[str, Any] = {
    "x-guidance": {"lenient": True},
    "lenient": True,
    "type": "object",
    "properties": {
        "lenient": {"type": "boolean", "whitespace_flexible": True},
        "x-guidance": {"type": "null"},
        "list": {"type": "array", "items": {"anyOf": [{"type": "null", "coerce_one_of": True}]}},
    },
    "required": ["lenient", "x-guidance"],
    "default": {"lenient": 1},
    "$defs": {"a": {"X-Guidance-Options": {}, "const": {"x-guidance": 1}}},
}


def test_they_are_named_at_every_depth() -> None:
    assert sorted(unread_keywords(SCHEMA)) == [
        "$defs.a.X-Guidance-Options",
        "lenient",
        "properties.lenient.whitespace_flexible",
        "properties.list.items.anyOf.0.coerce_one_of",
        "x-guidance",
    ]


def test_what_is_no_keyword_is_named() -> None:
    """Misspelt ones, of OpenAPI, of drafts before 4; others' extensions and properties are not."""
    schema = {
        "title": "t",
        "minLenght": 3,
        "properties": {"minLenght": {"type": "integer", "nullable": True, "x-order": 1}},
        "items": {"type": "string", "format": "binary"},
        "prefixItems": [{"format": "date"}, {"format": "regex"}],
        "anyOf": [{"requird": ["a"], "required": ["b"]}, {"divisibleBy": 5}],
        "default": {"requird": 1},
    }
    assert sorted(unread_keywords(schema)) == [
        "anyOf.0.requird",
        "anyOf.1.divisibleBy",
        "items.format",
        "minLenght",
        "properties.minLenght.nullable",
    ]


def test_they_are_left_out_and_nothing_else_is() -> None:
    before = copy.deepcopy(SCHEMA)
    left = without_steering(SCHEMA)
    assert before == SCHEMA
    assert not list(unread_keywords(left))
    assert left["properties"]["x-guidance"] == {"type": "null"}
    assert left["properties"]["lenient"] == {"type": "boolean"}
    assert left["default"] == {"lenient": 1} and left["required"] == SCHEMA["required"]
    assert left["$defs"] == {"a": {"const": {"x-guidance": 1}}}
