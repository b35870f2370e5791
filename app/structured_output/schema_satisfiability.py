"""Finds schemas without a finite instance, such as an object that requires itself.

They are replaced by `false`, which has no instance either, so that an answer never starts one.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from app.structured_output.schema_traversal import Node, children, nodes, pointer

_SCALARS = frozenset(("string", "number", "integer", "boolean", "null"))
_TYPES = (*_SCALARS, "object", "array")


class UnsatisfiableSchema(ValueError):
    """Every instance of the schema would be infinite."""


def remove_unsatisfiable(schema: Node) -> bool:
    """Replace, in place, subschemas without a finite instance by `false`; returns whether there
    was any.

    Raises:
        UnsatisfiableSchema: the whole schema has none; the message names a part that requires
            itself.
    """
    finite = _FiniteSchemas(schema)
    if not finite.contains(schema):
        raise UnsatisfiableSchema(
            f"{finite.self_requiring()} requires itself, so no answer could ever end"
        )
    changed = False
    for _, node in list(nodes(schema)):
        for path, child in children(node):
            if isinstance(child, dict) and not finite.contains(child):
                holder: Any = node if len(path) == 1 else node[path[0]]
                holder[int(path[1]) if isinstance(holder, list) else path[-1]] = False
                changed = True
    return changed


class _FiniteSchemas:
    """The smallest set of schemas such that a schema is in it once all that it requires are."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._places = {id(node): (path, node) for path, node in nodes(root)}
        self._finite: set[int] = set()
        users: dict[int, list[Node]] = {}
        for _, node in self._places.values():
            for each in (*self._required(node), *(one for some in _options(node) for one in some)):
                users.setdefault(id(each), []).append(node)
        stack = [node for _, node in self._places.values()]
        while stack:
            node = stack.pop()
            if id(node) not in self._finite and self._is_finite(node):
                self._finite.add(id(node))
                stack += users.get(id(node), ())

    def contains(self, schema: object) -> bool:
        """Whether a schema has a finite instance. True for schemas of other documents, which the
        grammar library checks."""
        return id(schema) in self._finite or id(schema) not in self._places

    def self_requiring(self) -> str:
        """The path of a schema that requires itself, reached from the root."""
        node, seen = self._root, set[int]()
        while id(node) not in seen:
            seen.add(id(node))
            stuck = [some for some in _options(node) if not any(map(self.contains, some))]
            first = [some[0] for some in stuck]
            node = next(e for e in (*self._required(node), *first) if not self.contains(e))
        return pointer(self._places[id(node)][0])

    def _is_finite(self, node: Node) -> bool:
        """Whether everything that an instance of `node` requires is known to be finite."""
        options = (any(map(self.contains, some)) for some in _options(node))
        return all(map(self.contains, self._required(node))) and all(options)

    def _required(self, node: Node) -> list[Any]:
        """Schemas that every instance must match or contain an instance of."""
        if "const" in node or "enum" in node:
            return []
        required = list(_as_list(node.get("allOf")))
        if isinstance(reference := node.get("$ref"), str):
            required.append(self._target(reference))
        types = node.get("type", _TYPES)
        types = [types] if isinstance(types, str) else types
        if types == ["object"]:
            required += _properties(node)
        if types == ["array"]:
            required += _items(node)
        return required

    def _target(self, reference: str) -> Any:
        """The schema that a reference points to; None if it is not a pointer in this document."""
        if reference != "#" and not reference.startswith("#/"):
            return None
        place: Any = self._root
        for part in unquote(reference[1:]).split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            try:
                place = place[int(name)] if isinstance(place, list) else place[name]
            except (KeyError, IndexError, TypeError, ValueError):
                return None
        return place


def _options(node: Node) -> list[list[Any]]:
    """Lists of alternatives: of each list, one schema must match."""
    if "const" in node or "enum" in node:
        return []
    return [node[name] for name in ("anyOf", "oneOf") if _as_list(node.get(name))]


def _properties(node: Node) -> list[Any]:
    properties = node.get("properties")
    known = properties if isinstance(properties, dict) else {}
    other = node.get("additionalProperties") if not node.get("patternProperties") else None
    names = [name for name in _as_list(node.get("required")) if isinstance(name, str)]
    return [known.get(name, other) for name in names]


def _items(node: Node) -> list[Any]:
    minimum = node.get("minItems", 0)
    if not isinstance(minimum, int) or minimum < 1:
        return []
    first = _as_list(node.get("prefixItems")) or _as_list(node.get("items"))
    rest = [node.get("items")] if minimum > len(first) else []
    return [*first[:minimum], *rest]


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
