"""`structured_outputs`, vLLM's field for what an answer must match, and its keys as fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from marshmallow import ValidationError, fields, missing

from app.protocol.aliases import aliases_of_keys
from app.protocol.answer_format import AnswerFormat
from app.protocol.errors import BadRequest
from app.protocol.fields import JsonSchema, below, read_items, unread_keys
from app.protocol.json_schema_keywords import unread_keywords, without_steering
from app.protocol.strict_json import parse_object
from app.protocol.structural_tag import (
    STRUCTURAL_TAG_SCHEMA,
    read_structural_tag,
    unread_in_structural_tag,
)
from app.structured_output.structured_output import StructuredOutputKind

_MAX_CHOICES = 10_000
_OBJECT_OR_TEXT = "must be an object, or the JSON text of one"
#: Options that would change the answer, with the value that does not.
_OPTIONS: Mapping[str, object] = {
    "disable_any_whitespace": False,
    "disable_additional_properties": False,
    "whitespace_pattern": "",
}


class StructuredOutputs(fields.Field[AnswerFormat]):
    """An object with exactly one of the keys of `_KINDS`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> AnswerFormat:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        for name, harmless in _OPTIONS.items():
            if value.get(name) not in (None, harmless):
                raise ValidationError({name: ["is not supported by this server"]})
        given = [key for key in _KINDS if value.get(key) not in (None, False)]
        if len(given) != 1:
            raise ValidationError(f"must have exactly one of {', '.join(_KINDS)}")
        (key,) = given
        try:
            return _read(key, value[key], f"{attr}.{key}")
        except ValidationError as error:
            raise ValidationError({key: error.messages}) from None

    def unread(self, value: Mapping[str, Any]) -> Iterator[str]:
        """Keys of other servers, and of the schemas."""
        yield from unread_keys(value, *_KINDS, *_OPTIONS)
        for key in _KINDS:
            if value.get(key) is not None:
                yield from below(key, _unread(key, value[key]))

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        return {
            "anyOf": [
                {"type": "object", "properties": {key: schema}, "required": [key]}
                for key, schema in _SCHEMAS.items()
            ]
        }


class StructuredOutputsKey(fields.Field[AnswerFormat]):
    """The value of one key as a field of its own. An empty string is as good as none: other
    servers' clients send it."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> AnswerFormat:
        if value == "":
            return missing  # type: ignore[return-value]  # marshmallow leaves the field out
        return _read(self.key, value, str(attr))

    def unread(self, value: Any) -> Iterator[str]:
        """Keys of a schema that nothing reads."""
        return _unread(self.key, value) if value != "" else iter(())

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        return {"anyOf": [_SCHEMAS[self.key], {"enum": [""]}]}


def structured_outputs_fields() -> dict[str, fields.Field[Any]]:
    """The field and its aliases."""
    aliases = aliases_of_keys("structured_outputs")
    keys = {alias: StructuredOutputsKey(key) for alias, key in aliases.items()}
    return {"structured_outputs": StructuredOutputs(), **keys}


def _read(key: str, value: object, path: str) -> AnswerFormat:
    kind, read = _KINDS[key]
    return AnswerFormat.of(kind, read(value), path)


def _read_json(value: object) -> str:
    return json.dumps(without_steering(_object(value)))


def _read_json_object(value: object) -> str:
    if value is not True:
        raise ValidationError("must be true or false")
    return json.dumps({"type": "object"})


def _read_text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValidationError("must be a string that is not empty")
    return value


def _read_choice(value: object) -> str:
    if not isinstance(value, list) or not 1 <= len(value) <= _MAX_CHOICES:
        raise ValidationError(f"must be a list of 1 to {_MAX_CHOICES} strings")
    return json.dumps(read_items(value, _one_choice))


def _one_choice(item: object) -> str:
    if not isinstance(item, str):
        raise ValidationError("must be a string")
    return item


def _read_structural_tag(value: object) -> str:
    return read_structural_tag(_object(value))


def _object(value: object) -> Mapping[str, Any]:
    """An object, or the JSON text of one."""
    if isinstance(value, str):
        try:
            return parse_object(value.encode())
        except BadRequest:
            raise ValidationError(_OBJECT_OR_TEXT) from None
    if not isinstance(value, dict):
        raise ValidationError(_OBJECT_OR_TEXT)
    return value


def _unread(key: str, value: object) -> Iterator[str]:
    """Dotted paths of what nothing reads in a valid value of the key."""
    if key == "json":
        yield from unread_keywords(_object(value))
    elif key == "structural_tag":
        yield from unread_in_structural_tag(_object(value))


_KINDS: Mapping[str, tuple[StructuredOutputKind, Callable[[object], str]]] = {
    "json": (StructuredOutputKind.JSON_SCHEMA, _read_json),
    "json_object": (StructuredOutputKind.JSON_SCHEMA, _read_json_object),
    "regex": (StructuredOutputKind.REGEX, _read_text),
    "choice": (StructuredOutputKind.CHOICE, _read_choice),
    "grammar": (StructuredOutputKind.GRAMMAR, _read_text),
    "structural_tag": (StructuredOutputKind.STRUCTURAL_TAG, _read_structural_tag),
}
_TEXT: JsonSchema = {"type": "string", "minLength": 1}
_JSON_TEXT: JsonSchema = {
    "type": "string",
    "pattern": r"^\s*\{",
    "contentMediaType": "application/json",
}
_SCHEMAS: Mapping[str, JsonSchema] = {
    "json": {"anyOf": [{"type": "object"}, _JSON_TEXT]},
    "json_object": {"const": True},
    "regex": _TEXT,
    "choice": {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 1,
        "maxItems": _MAX_CHOICES,
    },
    "grammar": _TEXT,
    "structural_tag": {"anyOf": [STRUCTURAL_TAG_SCHEMA, _JSON_TEXT]},
}
