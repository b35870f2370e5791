"""Finds the subschemas of a JSON schema, with their paths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

#: Keywords whose value is a schema, a list of schemas, or schemas by name.
_ONE = frozenset(
    (
        "additionalItems",
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    )
)
_LIST = frozenset(("allOf", "anyOf", "items", "oneOf", "prefixItems"))
_NAMED = frozenset(("$defs", "definitions", "dependentSchemas", "patternProperties", "properties"))

Path = tuple[str, ...]
#: A schema that is an object, not true or false.
Node = dict[str, Any]


def children(schema: Node) -> Iterator[tuple[Path, object]]:
    """The schemas directly inside `schema`, each with its path from there."""
    for keyword, value in schema.items():
        if keyword in _NAMED and isinstance(value, dict):
            yield from (((keyword, name), each) for name, each in value.items())
        elif keyword in _LIST and isinstance(value, list):
            yield from (((keyword, str(index)), each) for index, each in enumerate(value))
        elif keyword in _ONE:
            yield (keyword,), value


def nodes(schema: object) -> Iterator[tuple[Path, Node]]:
    """All subschemas that are objects, `schema` itself first, each with its path."""
    stack: list[tuple[Path, object]] = [((), schema)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, dict):
            yield path, node
            stack += [(path + inner, child) for inner, child in children(node)]


def pointer(path: Path) -> str:
    """A path as a JSON pointer, shortened for messages: `#/properties/name`."""
    shown = "/".join(("#", *(part.replace("~", "~0").replace("/", "~1") for part in path)))
    return shown if len(shown) <= 120 else f"{shown[:80]}…{shown[-30:]}"
