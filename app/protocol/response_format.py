"""`response_format`: text, a JSON object, JSON that matches a schema, or structural tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError, fields

from app.protocol.answer_format import AnswerFormat
from app.protocol.fields import JsonSchema, below, unread_keys
from app.protocol.json_schema_keywords import unread_keywords, without_steering
from app.protocol.structural_tag import (
    STRUCTURAL_TAG_SCHEMA,
    read_structural_tag,
    unread_in_structural_tag,
)
from app.structured_output.structured_output import StructuredOutputKind

_KINDS = ("text", "json_object", "json_schema", "structural_tag")
_NAME = "[A-Za-z0-9_-]{1,64}"
_HOLDERS = ("schema", "json_schema")
_DESCRIBED = ("name", "description", "schema", "strict")


class ResponseFormat(fields.Field[AnswerFormat | None]):
    """Read as what an answer must match; None: any text. The schema of "json_object" is
    llama.cpp's and others' shorter way to write "json_schema"."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> AnswerFormat | None:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        kind = value.get("type")
        if kind not in _KINDS:
            raise ValidationError({"type": [f"must be {', '.join(_KINDS[:-1])} or {_KINDS[-1]}"]})
        for name in _HOLDERS:
            if value.get(name) is not None and name != _holder(kind):
                raise ValidationError({name: [f'is not for type "{kind}"']})
        if kind == "text":
            return None
        if kind == "structural_tag":
            text = read_structural_tag(value)
            return AnswerFormat.of(StructuredOutputKind.STRUCTURAL_TAG, text, str(attr))
        read = _object if kind == "json_object" else _described
        text = read(value.get(_holder(kind)))
        path = f"{attr}.schema" if kind == "json_object" else f"{attr}.json_schema.schema"
        return AnswerFormat.of(StructuredOutputKind.JSON_SCHEMA, text, path)

    def unread(self, value: Mapping[str, Any]) -> Iterator[str]:
        """Keys beside those of the kind that was chosen."""
        if value["type"] == "structural_tag":
            yield from unread_in_structural_tag(value)
            return
        holder = _holder(value["type"])
        yield from unread_keys(value, "type", holder)
        if holder == "json_schema":
            yield from below(holder, unread_keys(value[holder], *_DESCRIBED))
            inner = below("schema", unread_keywords(value[holder]["schema"]))
            yield from below(holder, inner)
        elif holder and value.get(holder) is not None:
            yield from below(holder, unread_keywords(value[holder]))

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        described = {
            "type": "object",
            "properties": {
                "name": {"type": "string", "pattern": f"^{_NAME}$"},
                "description": {"type": ["string", "null"]},
                "schema": {"type": "object"},
                "strict": {"type": ["boolean", "null"]},
            },
            "required": ["name", "schema"],
        }
        nothing: JsonSchema = {"type": "null"}
        kinds = {
            "text": {"schema": nothing, "json_schema": nothing},
            "json_object": {"schema": {"type": ["object", "null"]}, "json_schema": nothing},
            "json_schema": {"schema": nothing, "json_schema": described},
        }
        schemas: list[JsonSchema] = [
            {
                "type": "object",
                "properties": {"type": {"const": kind}, **properties},
                "required": ["type", *(["json_schema"] if kind == "json_schema" else [])],
            }
            for kind, properties in kinds.items()
        ]
        tagged = {
            **STRUCTURAL_TAG_SCHEMA,
            "properties": {
                **STRUCTURAL_TAG_SCHEMA["properties"],
                "type": {"const": "structural_tag"},
            },
            "required": ["type", *STRUCTURAL_TAG_SCHEMA["required"]],
        }
        return {"anyOf": [*schemas, tagged]}


def _holder(kind: str) -> str:
    """The key that holds the schema of an answer of this kind."""
    return {"json_object": "schema", "json_schema": "json_schema"}.get(kind, "")


def _object(schema: object) -> str:
    if not isinstance(schema, dict | None):
        raise ValidationError({"schema": ["must be an object"]})
    # What it does not say of the answer's type is what json_object says.
    return json.dumps({"type": "object", **without_steering(schema or {})})


def _described(described: object) -> str:
    if not isinstance(described, dict):
        raise ValidationError({"json_schema": ["must be an object"]})
    try:
        return read_described_schema(described)
    except ValidationError as error:
        raise ValidationError({"json_schema": error.messages}) from None


def read_described_schema(described: Mapping[str, Any]) -> str:
    """The schema of an object with name, description, schema and strict, as JSON text.

    Raises:
        ValidationError: what is wrong, by key.
    """
    wrong: dict[str, list[str]] = {}
    name = described.get("name")
    if not isinstance(name, str) or not re.fullmatch(_NAME, name):
        wrong["name"] = ["must be 1 to 64 letters, digits, underscores or dashes"]
    if not isinstance(described.get("description"), str | None):
        wrong["description"] = ["must be a string"]
    if not isinstance(described.get("schema"), dict):
        wrong["schema"] = ["must be an object"]
    if not isinstance(described.get("strict"), bool | None):
        wrong["strict"] = ["must be true or false"]
    if wrong:
        raise ValidationError(wrong)
    return json.dumps(without_steering(described["schema"]))
