"""Translates a JSON schema to the dialect of the grammar library.

Keywords without effect are removed, since the library refuses some of them. What the library reads
in another way than JSON Schema is rewritten. Invalid values of keywords are reported.
"""

from __future__ import annotations

import re
from typing import Any

from app.structured_output.schema_exactness import InexactSchema
from app.structured_output.schema_formats import format_to_pattern
from app.structured_output.schema_patterns import UnsupportedPattern, translate_pattern
from app.structured_output.schema_traversal import Node, Path, nodes, pointer

_DRAFT = re.compile(r"https?://json-schema\.org/(draft-0[467]|draft/(2019-09|2020-12))/schema#?")
_COUNT_KEYWORDS = frozenset(
    "maxContains maxItems maxLength maxProperties minContains minItems minLength "
    "minProperties".split()
)
_VALUE_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
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
_ALLOWS_EVERYTHING: tuple[object, ...] = (True, {})
#: Keywords with the values that allow everything.
_WITHOUT_EFFECT: dict[str, tuple[object, ...]] = {
    "uniqueItems": (False,),
    "not": (False,),
    "$recursiveAnchor": (False,),
    **dict.fromkeys(("dependentRequired", "dependentSchemas", "dependencies"), ({},)),
    **dict.fromkeys(
        ("propertyNames", "unevaluatedItems", "unevaluatedProperties"), _ALLOWS_EVERYTHING
    ),
}
#: Keywords that have no effect without one of the others.
_REQUIRES_ONE_OF = {
    "minContains": ("contains",),
    "maxContains": ("contains",),
    "then": ("if",),
    "else": ("if",),
    "if": ("then", "else"),
}


def translate_schema(schema: Node) -> bool:
    """Translate a schema in place; returns whether it was changed.

    Raises:
        InexactSchema: a keyword has an invalid value, or cannot be translated.
    """
    changed = False
    for path, node in list(nodes(schema)):
        _check_values(path, node)
        changed |= _drop_without_effect(node)
        changed |= _translate_patterns(path, node)
        changed |= format_to_pattern(node)
        for keyword in node.keys() & _COUNT_KEYWORDS:
            if isinstance(node[keyword], float):
                node[keyword], changed = int(node[keyword]), True
    return changed


def _check_values(path: Path, node: Node) -> None:
    for keyword, value in node.items():
        where = pointer((*path, keyword))
        types, description = _VALUE_TYPES.get(keyword, ((), ""))
        if types and type(value) not in types:
            raise InexactSchema(f"{where} must be {description}")
        if keyword in _COUNT_KEYWORDS and not _is_count(value):
            raise InexactSchema(f"{where} must be a whole number, 0 or more")
        if keyword == "$schema" and not _DRAFT.fullmatch(value):
            raise InexactSchema(f"{where} is none of the drafts 4, 6, 7, 2019-09 and 2020-12")


def _is_count(value: Any) -> bool:
    return (type(value) is int or (isinstance(value, float) and value.is_integer())) and value >= 0


def _drop_without_effect(node: Node) -> bool:
    dropped = [
        name for name, values in _WITHOUT_EFFECT.items() if _is_one_of(node.get(name), values)
    ]
    if node.get("minContains") == 0 and "maxContains" not in node:
        dropped += ["contains", "minContains"]  # zero matches are enough
    if not isinstance(node.get("items"), list):
        dropped.append("additionalItems")  # used only in drafts where `items` is a list
    dropped += [
        name
        for name, others in _REQUIRES_ONE_OF.items()
        if not any(other in node for other in others)
    ]
    present = [name for name in dropped if name in node]
    for name in present:
        del node[name]
    return bool(present)


def _is_one_of(value: Any, values: tuple[object, ...]) -> bool:
    return any(type(value) is type(each) and value == each for each in values)


def forbid_additional_properties(schema: Node) -> None:
    """Forbid, in place, property names that the schema does not list. With \\u escapes a listed
    name could be written in another way, and would pass for an additional one.

    Raises:
        InexactSchema: names are given by patterns.
    """
    for path, node in list(nodes(schema)):
        if node.get("patternProperties"):
            where = pointer((*path, "patternProperties"))
            raise InexactSchema(f"{where} beside control characters in a schema are not supported")
        if node.get("properties"):
            node["additionalProperties"] = False


def _translate_patterns(path: Path, node: Node) -> bool:
    changed = False
    if "pattern" in node:
        pattern, _ = _translated(node["pattern"], (*path, "pattern"))
        changed = pattern != node["pattern"]
        node["pattern"] = pattern
    if node.get("patternProperties"):
        changed |= _translate_name_patterns((*path, "patternProperties"), node)
    return changed


def _translate_name_patterns(path: Path, node: Node) -> bool:
    """Translate the patterns of names. If one was narrowed, other names are forbidden: some
    readers would apply the pattern to them."""
    original: Node = node["patternProperties"]
    translated, narrowed = {}, False
    for pattern, schema in original.items():
        new_pattern, is_narrower = _translated(pattern, (*path, pattern))
        translated[new_pattern] = schema
        narrowed |= is_narrower
    if not narrowed:
        node["patternProperties"] = translated
        return translated.keys() != original.keys()
    listed = [*node.get("properties", ()), *node.get("required", ())]
    if len(original) > 1 or not all(isinstance(name, str) and name.isascii() for name in listed):
        raise InexactSchema(
            f"{pointer(path)}: a class such as \\w or [^a] is supported only in a single pattern, "
            "beside properties with ASCII names"
        )
    node["patternProperties"], node["additionalProperties"] = translated, False
    return True


def _translated(pattern: str, path: Path) -> tuple[str, bool]:
    """See `translate_pattern`."""
    try:
        return translate_pattern(pattern)
    except UnsupportedPattern as error:
        raise InexactSchema(f"{pointer(path)}: a pattern with {error} is not supported") from None
