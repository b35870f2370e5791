"""Values of parameters that a model writes as bare text, in the types that the schema asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_PYTHON_NAMES = {"True": "true", "False": "false", "None": "null"}


def to_json(text: str) -> str:
    """The JSON text of a string."""
    return json.dumps(text, ensure_ascii=False)


def typed_value(text: str, key: str, schema: Mapping[str, object]) -> str:
    """The JSON text of parameter `key`: of what the text spells in JSON where `schema`, of all
    parameters together, allows that type, else of the text itself."""
    properties = schema.get("properties")
    of_key = properties.get(key) if isinstance(properties, dict) else None
    types = {kind for kind in _types(of_key, schema) if isinstance(kind, str)}
    if not types - {"string"}:
        return to_json(text)
    bare = text.strip()
    try:
        value = json.loads(_PYTHON_NAMES.get(bare, bare), parse_constant=_refuse_constant)
        spelled = json.dumps(value, ensure_ascii=False, allow_nan=False)
        spelled.encode()  # not with half of a surrogate pair
    except (ValueError, RecursionError):
        return to_json(text)
    return spelled if _type_names(value) & types else to_json(text)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _types(schema: object, root: Mapping[str, object]) -> Iterator[object]:
    """The types that a schema names, also through $ref, anyOf and the like."""
    waiting, followed = [schema], set[str]()
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict):
            continue
        yield from _as_list(node.get("type"))
        for value in [*_as_list(node.get("enum")), *([node["const"]] if "const" in node else [])]:
            yield from _type_names(value)
        for keyword in ("anyOf", "oneOf", "allOf"):
            waiting += _as_list(node.get(keyword))
        target = node.get("$ref")
        if isinstance(target, str) and target not in followed:
            followed.add(target)
            waiting.append(_resolve(target, root))


def _resolve(target: str, root: Mapping[str, object]) -> object:
    """What a reference within the schema points to; None if nothing."""
    node: object = root
    for name in target.removeprefix("#/").split("/"):
        key = name.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _as_list(value: object) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _type_names(value: object) -> set[str]:
    """JSON schema's names of a value's type."""
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, int):
        return {"integer", "number"}
    if isinstance(value, float):
        return {"number", "integer"} if value.is_integer() else {"number"}
    names = {str: "string", list: "array", dict: "object", type(None): "null"}
    return {names[type(value)]}
