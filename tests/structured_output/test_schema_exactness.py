"""Numbers and counts that the grammar library would enforce only approximately."""

from __future__ import annotations

from typing import Any

import pytest

from app.structured_output.library_errors import client_message
from app.structured_output.schema_exactness import InexactSchema, narrow_to_exact
from app.structured_output.structured_output import StructuredOutput, StructuredOutputKind

INT64 = 2**63 - 1


@pytest.mark.parametrize(
    ("bounds", "narrowed"),
    [
        ({"maximum": 2**53 + 1}, {"maximum": 2**53}),
        ({"minimum": 2**53 + 1}, {"minimum": 2**53 + 2}),
        ({"minimum": -(2**53) - 1}, {"minimum": -(2**53)}),
        ({"exclusiveMaximum": 2**62 + 300}, {"exclusiveMaximum": 2**62}),
        ({"minimum": -INT64}, {"minimum": -INT64 + 1023}),
        ({"maximum": INT64}, {"maximum": INT64 - 1023}),
        ({"maximum": 1e300}, {"maximum": INT64 - 1023}),
        ({"minimum": 1e300}, {"minimum": 1e300}),
        ({"minimum": -5, "maximum": 2.5}, {"minimum": -5, "maximum": 2.5}),
        ({"maximum": True}, {"maximum": True}),
    ],
)  # fmt: skip
def test_bounds_are_narrowed_to_exact_numbers(
    bounds: dict[str, Any], narrowed: dict[str, Any]
) -> None:
    schema = {"properties": {"maximum": {"type": "integer", **bounds}}}
    assert narrow_to_exact(schema) is (bounds != narrowed)
    assert schema["properties"]["maximum"] == {"type": "integer", **narrowed}


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"const": 2**53 + 1}, "#/const"),
        ({"items": {"enum": [1, {"a": [2**60]}]}}, "#/items/enum"),
        ({"anyOf": [{"multipleOf": 1e30}]}, "#/anyOf/0/multipleOf"),
        ({"type": "object", "minProperties": 2}, "minProperties 2"),
        ({"items": {"multipleOf": 0.5**9}}, "#/items/multipleOf: 0.001953125 has too many digits"),
        ({"multipleOf": 429_496_730}, "#/multipleOf"),
        ({"items": {"allOf": [{"multipleOf": 2**16}, {"multipleOf": 2**16 + 1}]}}, "#/items: the"),
        ({"multipleOf": 0.5**8, "$ref": "#/$defs/a", "$defs": {"a": {"multipleOf": 3}}}, "#: the"),
        ({"properties": {"a": {"multipleOf": 0.5**8}},
          "patternProperties": {"a": {"multipleOf": 3}}}, "#: the"),
    ],
)  # fmt: skip
def test_what_cannot_be_narrowed_is_refused_with_its_location(
    schema: dict[str, Any], place: str
) -> None:
    with pytest.raises(InexactSchema, match=place):
        narrow_to_exact(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"multipleOf": 0.5**8},
        {"multipleOf": 429_496_729},
        {"properties": {"a": {"multipleOf": 0.5**8}, "b": {"multipleOf": 1000}}},
        {"anyOf": [{"multipleOf": 0.5**8}, {"multipleOf": 1000}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"multipleOf": 0.5**8}, "b": {"multipleOf": 3}}},
        {"allOf": [{"multipleOf": 0.25}, {"multipleOf": 60}, {"multipleOf": 40}]},
    ],
)
def test_exact_multiples_are_accepted(schema: dict[str, Any]) -> None:
    assert not narrow_to_exact(schema)


def test_a_property_may_have_any_name() -> None:
    schema = {"type": "object", "properties": {"const": {"type": "null"}, "enum": {"const": 2**53}}}
    assert not narrow_to_exact(schema)


@pytest.mark.parametrize(
    "message",
    [
        "panic: index out of bounds: the len is 3\n   0: derivre::ast::at /home/runner/.cargo/x.rs",
        "lexer error: too many expressions constructed\n<non-verbose/>",
        "fuel exhausted when checking relevance of lexemes (1000000)",
        "called `Option::unwrap()` on a `None` value",
        'Invalid schema: {"a":"panic"} is not valid under any of the schemas in "anyOf"',
    ],
)
def test_the_library_s_internals_are_not_shown(message: str) -> None:
    text = client_message(message, StructuredOutput(StructuredOutputKind.JSON_SCHEMA, "{}"))
    assert text and "\n" not in text
    assert not any(word in text for word in ("panic", "::", ".rs", "fuel", "lexer", "unwrap"))
