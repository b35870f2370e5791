"""Where in a JSON schema other schemas stand: a keyword's value is one, a property's name is none.

Knows nothing about what the keywords mean for an answer.
"""

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
#: A schema that is no truth value.
Node = dict[str, Any]


def children(schema: Node) -> Iterator[tuple[Path, object]]:
    """The schemas directly inside `schema`, each with its path from there."""
    for keyword, value in schema.items():
        if keyword in _NAMED and isinstance(value, dict):
            yield from (((keyword, name), each) for name, each in value.items())
        elif keyword in _LIST and isinstance(value, list):
            yield from (((keyword, str(number)), each) for number, each in enumerate(value))
        elif keyword in _ONE:
            yield (keyword,), value


def nodes(schema: object) -> Iterator[tuple[Path, Node]]:
    """All schemas in `schema` that are objects, itself first, each with its path."""
    waiting: list[tuple[Path, object]] = [((), schema)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, dict):
            yield path, node
            waiting += [(path + inner, child) for inner, child in children(node)]


def pointer(path: Path) -> str:
    """A path as people write it: `#/properties/name`."""
    shown = "/".join(("#", *(part.replace("~", "~0").replace("/", "~1") for part in path)))
    return shown if len(shown) <= 120 else f"{shown[:80]}…{shown[-30:]}"
