"""`output_config` of Anthropic's API, and `output_format`, its older name for a part of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields

from app.protocol.answer_format import AnswerFormat
from app.protocol.fields import JsonSchema, below, unread_keys
from app.protocol.json_schema_keywords import unread_keywords, without_steering
from app.protocol.template_fields import REASONING_EFFORTS
from app.structured_output.structured_output import StructuredOutputKind

_FORMAT_SCHEMA: JsonSchema = {
    "type": "object",
    "properties": {"type": {"const": "json_schema"}, "schema": {"type": "object"}},
    "required": ["type", "schema"],
}


@dataclass(frozen=True, slots=True)
class OutputConfig:
    """How much effort to make, and what the answer must match."""

    effort: str | None = None
    format: AnswerFormat | None = None


class OutputConfigField(fields.Field[OutputConfig]):
    """An object with effort and format, both optional."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> OutputConfig:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        effort, answer_format = value.get("effort"), value.get("format")
        if effort is not None and effort not in REASONING_EFFORTS:
            raise ValidationError({"effort": ["must be one of " + ", ".join(REASONING_EFFORTS)]})
        if answer_format is None:
            return OutputConfig(effort)
        try:
            return OutputConfig(effort, _read_format(answer_format, f"{attr}.format"))
        except ValidationError as error:
            raise ValidationError({"format": error.messages}) from None

    def unread(self, value: Mapping[str, Any]) -> Iterator[str]:
        """Keys beside these two, and keys of the schema."""
        yield from unread_keys(value, "effort", "format")
        if value.get("format") is not None:
            yield from below("format", _unread_in_format(value["format"]))

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        properties = {
            "effort": {"enum": [*REASONING_EFFORTS, None]},
            "format": {"anyOf": [_FORMAT_SCHEMA, {"type": "null"}]},
        }
        return {"type": "object", "properties": properties}


class OutputFormatField(fields.Field[AnswerFormat]):
    """The format alone, as it was called while it was a beta."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> AnswerFormat:
        return _read_format(value, str(attr))

    def unread(self, value: Mapping[str, Any]) -> Iterator[str]:
        """Keys beside those of a format, and keys of the schema."""
        yield from _unread_in_format(value)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        return _FORMAT_SCHEMA


def _read_format(value: object, path: str) -> AnswerFormat:
    if not isinstance(value, dict):
        raise ValidationError("must be an object with type and schema")
    if value.get("type") != "json_schema":
        raise ValidationError({"type": ['must be "json_schema"']})
    schema = value.get("schema")
    if not isinstance(schema, dict):
        raise ValidationError({"schema": ["must be an object"]})
    text = json.dumps(without_steering(schema))
    return AnswerFormat.of(StructuredOutputKind.JSON_SCHEMA, text, f"{path}.schema")


def _unread_in_format(value: Mapping[str, Any]) -> Iterator[str]:
    yield from unread_keys(value, "type", "schema")
    yield from below("schema", unread_keywords(value["schema"]))
