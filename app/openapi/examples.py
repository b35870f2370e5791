"""Examples of answers, made from their schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Values that say more than their type's example.
_BY_NAME: Mapping[str, object] = {
    "created": 1767225600,
    "max_model_len": 2048,
    "model_max_length": 2048,
    "owned_by": "westlake",
    "role": "assistant",
    "status": "ok",
}
_BY_TYPE: Mapping[str, object] = {"string": "…", "integer": 1, "number": 0.5, "boolean": True}


def sample(schemas: Mapping[str, Any], schema: Mapping[str, Any], name: str = "") -> Any:
    """A value that fits `schema`; `name` is the key it stands at. What may be null and is no
    plain text or number is null: such parts come only where they are asked for."""
    if "$ref" in schema:
        return sample(schemas, schemas[schema["$ref"].rpartition("/")[2]], name)
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            kinds = schema[union]
            return None if {"type": "null"} in kinds else sample(schemas, kinds[0], name)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = next(each for each in kind if each != "null")
    if kind == "array":
        return [sample(schemas, schema["items"], name)]
    if kind == "object":
        properties = schema.get("properties", {})
        return {key: sample(schemas, each, key) for key, each in properties.items()}
    return _BY_NAME.get(name, _BY_TYPE[kind])
