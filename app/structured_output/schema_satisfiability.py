"""Which schemas have a finite instance at all: references that require themselves have none.

Knows nothing about grammars. What cannot end is replaced by `false`, which says the same, so that
an answer never enters it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from app.structured_output.schema_traversal import Node, children, nodes, pointer

_SCALARS = frozenset(("string", "number", "integer", "boolean", "null"))
_TYPES = (*_SCALARS, "object", "array")


class Endless(ValueError):
    """Every instance of the schema would go on for ever."""


def without_endless_parts(schema: Node) -> bool:
    """Replace, in place, what has no finite instance by `false`; returns whether there was any.

    Raises:
        Endless: the whole schema has none; the message names a reference on the way.
    """
    reach = _Reach(schema)
    if not reach.ends(schema):
        raise Endless(f"{reach.culprit()} requires itself, so no answer could ever end")
    changed = False
    for _, node in list(nodes(schema)):
        for path, child in children(node):
            if isinstance(child, dict) and not reach.ends(child):
                holder: Any = node if len(path) == 1 else node[path[0]]
                holder[int(path[1]) if isinstance(holder, list) else path[-1]] = False
                changed = True
    return changed


class _Reach:
    """The least set of schemas that end: a schema ends once all that it requires does."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._places = {id(node): (path, node) for path, node in nodes(root)}
        self._ending: set[int] = set()
        users: dict[int, list[Node]] = {}
        for _, node in self._places.values():
            for each in (*self._required(node), *(one for some in _options(node) for one in some)):
                users.setdefault(id(each), []).append(node)
        waiting = [node for _, node in self._places.values()]
        while waiting:
            node = waiting.pop()
            if id(node) not in self._ending and self._has_all(node):
                self._ending.add(id(node))
                waiting += users.get(id(node), ())

    def ends(self, schema: object) -> bool:
        """Whether it has a finite instance, as far as that is known; what is no schema of this
        document is left to the grammar library."""
        return id(schema) in self._ending or id(schema) not in self._places

    def culprit(self) -> str:
        """A schema that requires itself, found by following what does not end from the root."""
        node, seen = self._root, set[int]()
        while id(node) not in seen:
            seen.add(id(node))
            stuck = [some for some in _options(node) if not any(map(self.ends, some))]
            first = [some[0] for some in stuck]
            node = next(e for e in (*self._required(node), *first) if not self.ends(e))
        return pointer(self._places[id(node)][0])

    def _has_all(self, node: Node) -> bool:
        """Whether everything that an instance of `node` must have is known to end."""
        options = (any(map(self.ends, some)) for some in _options(node))
        return all(map(self.ends, self._required(node))) and all(options)

    def _required(self, node: Node) -> list[Any]:
        """What every instance must keep to or hold."""
        if "const" in node or "enum" in node:
            return []
        found = list(_as_list(node.get("allOf")))
        if isinstance(reference := node.get("$ref"), str):
            found.append(self._target(reference))
        types = node.get("type", _TYPES)
        types = [types] if isinstance(types, str) else types
        if types == ["object"]:
            found += _properties(node)
        if types == ["array"]:
            found += _items(node)
        return found

    def _target(self, reference: str) -> Any:
        """What a reference inside this document points to; None: somewhere else, or by a name."""
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
    """Of each of these one is enough."""
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
    least = node.get("minItems", 0)
    if not isinstance(least, int) or least < 1:
        return []
    first = _as_list(node.get("prefixItems")) or _as_list(node.get("items"))
    rest = [node.get("items")] if least > len(first) else []
    return [*first[:least], *rest]


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
