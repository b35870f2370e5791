"""Schemas that require themselves are refused; such branches of other schemas are removed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from app.structured_output.schema_satisfiability import UnsatisfiableSchema, remove_unsatisfiable


def needs(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


NODE = needs(value={"type": "integer"}, next=ref("node"))
ENDLESS: list[tuple[dict[str, Any], str]] = [
    ({"$ref": "#"}, "#"),
    ({**ref("node"), "$defs": {"node": NODE}}, "#/$defs/node"),
    (needs(a=needs(b={"$ref": "#/properties/a"})), "#/properties/a"),
    ({**ref("a"), "$defs": {"a": needs(b=ref("b")), "b": needs(a=ref("a"))}}, "#/$defs/"),
    ({"type": "array", "items": {"$ref": "#"}, "minItems": 1}, "#"),
    ({**ref("a"), "$defs": {"a": {"allOf": [ref("b")]}, "b": {"anyOf": [ref("a")]}}}, "#/$defs/"),
    ({"anyOf": [needs(a={"$ref": "#"}), needs(b={"$ref": "#"})]}, "#"),
    ({"type": "array", "prefixItems": [{"$ref": "#"}], "minItems": 1}, "#"),
    ({"type": "object", "required": ["x"], "additionalProperties": {"$ref": "#"}}, "#"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "place"), ENDLESS)
def test_unsatisfiable_schemas_are_refused(schema: dict[str, Any], place: str) -> None:
    with pytest.raises(UnsatisfiableSchema) as refused:
        remove_unsatisfiable(copy.deepcopy(schema))
    assert place in str(refused.value)


@pytest.mark.parametrize(
    "schema",
    [
        {**ref("node"), "$defs": {"node": {**NODE, "required": ["value"]}}},
        {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
         "required": ["next"]},
        {**ref("t"), "$defs": {"t": needs(children={"type": "array", "items": ref("t")})}},
        {"type": ["object", "null"], "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"const": {"a": 1}, "$ref": "#"},
        {"$ref": "https://example.org/elsewhere"},
        {"properties": {"a": {"$ref": "#/$defs/no"}}, "required": ["a"]},
        {"type": "array", "items": {"$ref": "#"}},
    ],
)  # fmt: skip
def test_satisfiable_schemas_are_unchanged(schema: dict[str, Any]) -> None:
    before = copy.deepcopy(schema)
    changed = remove_unsatisfiable(schema)
    assert (schema == before) is not changed
    assert not changed or schema["$ref"] == "#/$defs/node"


def test_an_unsatisfiable_branch_is_removed() -> None:
    schema = {
        "type": "object",
        "properties": {"a": ref("node"), "b": {"anyOf": [ref("node"), {"type": "null"}]}},
        "$defs": {"node": copy.deepcopy(NODE)},
    }
    assert remove_unsatisfiable(schema)
    assert schema["properties"] == {"a": False, "b": {"anyOf": [False, {"type": "null"}]}}


def test_long_chains_are_fast() -> None:
    chain = {f"d{n}": needs(n=ref(f"d{n + 1}")) for n in range(5000)}
    assert not remove_unsatisfiable({**ref("d0"), "$defs": {**chain, "d5000": {"type": "null"}}})
