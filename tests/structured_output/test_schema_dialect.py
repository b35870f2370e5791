"""Schemas with keywords that the grammar library ignores or interprets differently."""

from __future__ import annotations

from typing import Any

import pytest

from tests.structured_output.grammars import GrammarTester


@pytest.fixture(scope="module")
def grammars() -> GrammarTester:
    return GrammarTester()


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"prefixItems": [{"const": 1}], "additionalItems": False}, [[1], [1, 5], []], [[7]]),
        ({"items": {"const": 1}, "additionalItems": {"const": 2}}, [[1, 1], []], [[2], [1, 2]]),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"const": 1}],
          "additionalItems": False}, [[1], []], [[2], [1, 1]]),
        ({"type": "array", "uniqueItems": False, "minItems": 2.0, "maxItems": 2}, [[1, 1]], [[1]]),
        ({"type": "string", "maxLength": 3.0, "minLength": 1.0}, ["a"], ["", "abcd"]),
        ({"type": "array", "items": {"const": 1}, "minContains": 2}, [[], [1]], [[2]]),
        ({"contains": {"const": 9}, "minContains": 0, "const": [1]}, [[1]], [[9]]),
        ({"then": {"const": 1}, "else": {"const": 2}, "type": "integer"}, [3], ["x"]),
        ({"if": {"const": 1}, "type": "integer"}, [1, 3], ["x"]),
        ({"type": "object", "unevaluatedProperties": True, "propertyNames": {},
          "dependentRequired": {}, "not": False, "maxProperties": 0.0}, [{}], [{"a": 1}]),
        ({"$ref": "#here", "$defs": {"x": {"$anchor": "here", "type": "null"}}}, [None], [1, {}]),
        ({"type": "object", "properties": {"a": {"$ref": "#here"}}, "required": ["a"],
          "$defs": {"x": {"$anchor": "here", "type": "null"}}}, [{"a": None}], [{"a": {}}, {}]),
        ({"type": "integer", "format": "int32", "maximum": 3}, [2], ["a", 4]),
        ({"type": "string", "format": "binary", "maxLength": 1}, ["a"], ["aa", 1]),
        ({"const": "a\x7fb"}, ["a\x7fb"], ["ab"]),
        ({"enum": ["a\x7f", "\x01"]}, ["a\x7f", "\x01"], ["a", ""]),
        ({"patternProperties": {"^[^a&&b]$": {"const": 1}}, "additionalProperties": False},
         [{"c": 1}], [{"a": 1}, {"&": 1}, {"c": 2}]),
        ({"patternProperties": {r"^\w$": {"const": 1}}}, [{"c": 1}], [{"ä": 2}, {"c": 2}]),
        ({"type": "object", "properties": {"a\x7f": {"const": 1}, "b": {}}},
         [{"a\x7f": 1, "b": 5}], [{"a\x7f": 2}, {"c": 1}]),
        ({"properties": {"pattern": {"const": "["}}, "required": ["pattern"], "type": "object"},
         [{"pattern": "["}], [{"pattern": "]"}]),
        ({"type": "number", "multipleOf": 0.25}, [0.25, 3], [0.3]),
        ({"type": "number", "multipleOf": 0.5**8}, [9.00390625, 50], [9.00390626, 9.195403342]),
        ({"type": "number", "allOf": [{"multipleOf": 1.5}, {"multipleOf": 0.25}, {"multipleOf": 8}],
          "multipleOf": 10}, [120, 240, 0], [40, 60, 1.5, 60.25]),
    ],
)  # fmt: skip
def test_translated_keywords(
    grammars: GrammarTester, schema: dict[str, Any], good: list[Any], bad: list[Any]
) -> None:
    assert grammars.accepted_values(schema, good + bad) == good


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"minimum": "3"}, "#/minimum must be a number"),
        ({"maximum": None}, "#/maximum must be a number"),
        ({"multipleOf": True}, "#/multipleOf must be a number"),
        ({"items": {"minLength": -1}}, "#/items/minLength must be a whole number"),
        ({"maxItems": 2.5}, "#/maxItems must be a whole number"),
        ({"properties": {"a": {"required": "b"}}}, "#/properties/a/required must be a list"),
        ({"properties": []}, "#/properties must be an object"),
        ({"type": {"a": 1}}, "#/type must be a string"),
        ({"enum": "abc"}, "#/enum must be a list"),
        ({"anyOf": {"type": "null"}}, "#/anyOf must be a list"),
        ({"items": 3}, "#/items must be a schema"),
        ({"$schema": "http://json-schema.org/draft-03/schema#", "divisibleBy": 5}, "#/$schema"),
        ({"$schema": "https://example.com/mine"}, "#/$schema"),
        ({"anyOf": [{"pattern": r"a\b"}]}, "#/anyOf/0/pattern: a pattern with word boundaries"),
        ({"patternProperties": {"(?=a)": {}}}, "#/patternProperties/(?=a): a pattern with look"),
        ({"patternProperties": {"[a]": {}, r"[\a]": {}}}, "#/patternProperties/"),
        ({"patternProperties": {r"^\w$": {}}, "properties": {"ä": {}}}, "ASCII names"),
        ({"patternProperties": {r"^\w$": {}, "^-$": {}}}, "a single pattern"),
        ({"patternProperties": {"^.$": {}}, "properties": {"\x7f": {}}}, "control characters"),
        ({"patternProperties": {r"^\d": {}, "^[0-9]": {}}}, "a single pattern"),
        ({"type": "object", "patternProperties": {"^a": {"type": "null"}, "b$": {"type": "null"}}},
         "no name can match two"),
        ({"type": "string", "pattern": "a$b"}, "an anchor"),
        ({"items": {"format": "regex"}}, "format 'regex' is not supported; at #/items/format"),
        ({"properties": {"a": {}, "s": {"uniqueItems": True}}}, "; at #/properties/s/uniqueItems"),
        ({"anyOf": [{}, {"type": "text"}]}, "type 'text' is not one of JSON's; at #/anyOf/1/type"),
        ({"const": 5, "multipleOf": 2}, "no answer can be kept"),
        ({"type": "number", "multipleOf": 0.1}, "#/multipleOf: multiples of 0.1"),
        ({"items": {"multipleOf": 1e-3}}, "#/items/multipleOf: multiples of 0.001"),
    ],
)  # fmt: skip
def test_unsupported_keywords_are_named(
    grammars: GrammarTester, schema: dict[str, Any], words: str
) -> None:
    is_valid, message = grammars.verdict(schema)
    assert not is_valid
    assert words in message


@pytest.mark.parametrize("name", ["a\x7f", "\x01", "b\x1f"])
def test_property_names_have_one_escaped_form(grammars: GrammarTester, name: str) -> None:
    """Also if a control character must be escaped: an escaped "a" is the same name as "a"."""
    nothing = {"type": "null"}
    schema = {"type": "object", "properties": {"a": nothing, name: nothing}, "required": ["a"]}
    escaped = "".join(f"\\u{ord(each):04x}" for each in name)
    assert grammars.accepts(schema, '{"a":null}')
    for form in ("\\u0061", escaped, name[:-1] + f"\\u{ord(name[-1]):04x}"):
        assert not grammars.accepts(schema, f'{{"a":null,"{form}":5}}')
