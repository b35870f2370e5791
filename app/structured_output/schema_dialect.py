"""A JSON schema as its author meant it, in what the grammar library reads of it.

Knows nothing about numbers or references. What changes nothing is left out, since the library
refuses it; what the library reads differently is rewritten; what is no keyword's value is named.
"""

from __future__ import annotations

import re
from typing import Any

from app.structured_output.schema_exactness import Inexact
from app.structured_output.schema_formats import as_pattern
from app.structured_output.schema_patterns import UnsupportedPattern, in_library_syntax
from app.structured_output.schema_traversal import Node, Path, nodes, pointer

_DRAFT = re.compile(r"https?://json-schema\.org/(draft-0[467]|draft/(2019-09|2020-12))/schema#?")
_COUNTS = frozenset(
    "maxContains maxItems maxLength maxProperties minContains minItems minLength "
    "minProperties".split()
)
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("maximum", "minimum", "multipleOf"), ((int, float), "a number")),
    **dict.fromkeys(("pattern", "format", "$ref", "$schema"), ((str,), "a string")),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "enum", "required"), ((list,), "a list")),
    **dict.fromkeys(
        ("properties", "patternProperties", "$defs", "definitions"), ((dict,), "an object")
    ),
    "type": ((str, list), "a string or a list of them"),
    "items": ((dict, list, bool), "a schema"),
    "prefixItems": ((list,), "a list"),
    "additionalProperties": ((dict, bool), "a schema"),
}
_ANYTHING: tuple[object, ...] = (True, {})
#: Keywords with values that allow everything.
_ALLOWING: dict[str, tuple[object, ...]] = {
    "uniqueItems": (False,),
    "not": (False,),
    "$recursiveAnchor": (False,),
    **dict.fromkeys(("dependentRequired", "dependentSchemas", "dependencies"), ({},)),
    **dict.fromkeys(("propertyNames", "unevaluatedItems", "unevaluatedProperties"), _ANYTHING),
}
#: Keywords that say nothing without another.
_BESIDE = {
    "minContains": ("contains",),
    "maxContains": ("contains",),
    "then": ("if",),
    "else": ("if",),
    "if": ("then", "else"),
}


def in_library_words(schema: Node) -> bool:
    """Rewrite, in place, what the library reads otherwise; returns whether there was anything.

    Raises:
        Inexact: what is no valid keyword, or cannot be said to the library.
    """
    changed = False
    for path, node in list(nodes(schema)):
        _check_kinds(path, node)
        changed |= _drop_what_says_nothing(node)
        changed |= _rewrite_patterns(path, node)
        changed |= as_pattern(node)
        for keyword in node.keys() & _COUNTS:
            if isinstance(node[keyword], float):
                node[keyword], changed = int(node[keyword]), True
    return changed


def _check_kinds(path: Path, node: Node) -> None:
    for keyword, value in node.items():
        where = pointer((*path, keyword))
        kinds, shown = _KINDS.get(keyword, ((), ""))
        if kinds and type(value) not in kinds:
            raise Inexact(f"{where} must be {shown}")
        if keyword in _COUNTS and not _is_count(value):
            raise Inexact(f"{where} must be a whole number, 0 or more")
        if keyword == "$schema" and not _DRAFT.fullmatch(value):
            raise Inexact(f"{where} is none of the drafts 4, 6, 7, 2019-09 and 2020-12")


def _is_count(value: Any) -> bool:
    return (type(value) is int or (isinstance(value, float) and value.is_integer())) and value >= 0


def _drop_what_says_nothing(node: Node) -> bool:
    dropped = [name for name, values in _ALLOWING.items() if _is_one_of(node.get(name), values)]
    if node.get("minContains") == 0 and "maxContains" not in node:
        dropped += ["contains", "minContains"]  # none is enough
    if not isinstance(node.get("items"), list):
        dropped.append("additionalItems")  # of drafts where `items` is a list
    dropped += [
        name for name, others in _BESIDE.items() if not any(other in node for other in others)
    ]
    present = [name for name in dropped if name in node]
    for name in present:
        del node[name]
    return bool(present)


def _is_one_of(value: Any, values: tuple[object, ...]) -> bool:
    return any(type(value) is type(each) and value == each for each in values)


def close_objects(schema: Node) -> None:
    """Let no object, in place, have names beside those it lists: where characters may be spelled
    as escapes, one of those names would pass for another.

    Raises:
        Inexact: names are given by patterns.
    """
    for path, node in list(nodes(schema)):
        if node.get("patternProperties"):
            where = pointer((*path, "patternProperties"))
            raise Inexact(f"{where} beside control characters in a schema are not supported")
        if node.get("properties"):
            node["additionalProperties"] = False


def _rewrite_patterns(path: Path, node: Node) -> bool:
    changed = False
    if "pattern" in node:
        told, _ = _told(node["pattern"], (*path, "pattern"))
        changed = told != node["pattern"]
        node["pattern"] = told
    if node.get("patternProperties"):
        changed |= _rewrite_names((*path, "patternProperties"), node)
    return changed


def _rewrite_names(path: Path, node: Node) -> bool:
    """A name that only some readers think a pattern matches must be none of the object's."""
    given: Node = node["patternProperties"]
    told, narrowed = {}, False
    for pattern, schema in given.items():
        name, less = _told(pattern, (*path, pattern))
        told[name] = schema
        narrowed |= less
    if not narrowed:
        node["patternProperties"] = told
        return told.keys() != given.keys()
    listed = [*node.get("properties", ()), *node.get("required", ())]
    if len(given) > 1 or not all(isinstance(name, str) and name.isascii() for name in listed):
        raise Inexact(
            f"{pointer(path)}: a class such as \\w or [^a] is supported only in a single pattern, "
            "beside properties with ASCII names"
        )
    node["patternProperties"], node["additionalProperties"] = told, False
    return True


def _told(pattern: str, path: Path) -> tuple[str, bool]:
    try:
        return in_library_syntax(pattern)
    except UnsupportedPattern as error:
        raise Inexact(f"{pointer(path)}: a pattern with {error} is not supported") from None
