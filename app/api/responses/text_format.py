"""`text` of /v1/responses: the format of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError, fields

from app.protocol.answer_format import AnswerFormat
from app.protocol.fields import JsonSchema, below, unread_keys
from app.protocol.json_schema_keywords import unread_keywords
from app.protocol.response_format import read_described_schema
from app.structured_output.structured_output import StructuredOutputKind

_DESCRIBED = ("type", "name", "description", "schema", "strict")


class TextFormat(fields.Field[AnswerFormat | None]):
    """`text`, read as what an answer must match; None: any text."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> AnswerFormat | None:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        given = value.get("format")
        if given is None:
            return None
        try:
            return _format(given, f"{attr}.format")
        except ValidationError as error:
            raise ValidationError({"format": error.messages}) from None

    def unread(self, value: Mapping[str, Any]) -> Iterator[str]:
        """Keys beside those of the format; a verbosity other than the usual one."""
        usual = value.get("verbosity") == "medium"
        yield from unread_keys(value, "format", *(("verbosity",) if usual else ()))
        given = value.get("format") or {"type": "text"}
        is_schema = given["type"] == "json_schema"
        yield from below("format", unread_keys(given, *(_DESCRIBED if is_schema else ("type",))))
        if is_schema:
            yield from below("format.schema", unread_keywords(given["schema"]))

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        plain = {
            "type": "object",
            "properties": {"type": {"enum": ["text", "json_object"]}},
            "required": ["type"],
        }
        described = {
            "type": "object",
            "properties": {
                "type": {"const": "json_schema"},
                "name": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
                "description": {"type": ["string", "null"]},
                "schema": {"type": "object"},
                "strict": {"type": ["boolean", "null"]},
            },
            "required": ["type", "name", "schema"],
        }
        format_ = {"anyOf": [plain, described, {"type": "null"}]}
        return {"type": "object", "properties": {"format": format_}}


def _format(value: object, path: str) -> AnswerFormat | None:
    if not isinstance(value, dict):
        raise ValidationError("must be an object")
    kind = value.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        text = json.dumps({"type": "object"})
        return AnswerFormat.of(StructuredOutputKind.JSON_SCHEMA, text, path)
    if kind != "json_schema":
        raise ValidationError({"type": ["must be text, json_object or json_schema"]})
    text = read_described_schema(value)
    return AnswerFormat.of(StructuredOutputKind.JSON_SCHEMA, text, f"{path}.schema")
