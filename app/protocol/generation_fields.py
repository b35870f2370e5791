"""Structured fields of generation: stop, logit_bias, stream_options, response_format."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields

from app.protocol.fields import JsonSchema, below, unread_keys
from app.protocol.json_schema_keywords import unread_keywords, without_steering


class StreamOptions(fields.Field[bool]):
    """`stream_options`, read as whether a usage chunk is asked for."""

    _NAMES = ("include_usage", "include_obfuscation")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        for name in self._NAMES:
            if not isinstance(value.get(name), bool | None):
                raise ValidationError({name: ["must be true or false"]})
        return value.get("include_usage") is True

    def unread(self, value: Mapping[str, object]) -> Iterator[str]:
        """Options of other servers."""
        return unread_keys(value, *self._NAMES)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        switch = {"type": ["boolean", "null"]}
        return {
            "type": "object",
            "properties": {"include_usage": switch, "include_obfuscation": switch},
        }


class Stop(fields.Field[tuple[str, ...]]):
    """A stop string or a list of them: at most 4, of 1 to 256 characters. An empty one of
    either is as good as none."""

    MAX_STRINGS = 4
    MAX_CHARACTERS = 256

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> tuple[str, ...]:
        if isinstance(value, str):
            if value:
                self._check(value)
            return (value,) if value else ()
        if not isinstance(value, list) or len(value) > self.MAX_STRINGS:
            raise ValidationError(f"must be a string or a list of at most {self.MAX_STRINGS}")
        for index, text in enumerate(value):
            try:
                self._check(text)
            except ValidationError as error:
                raise ValidationError({index: error.messages}) from None
        return tuple(value)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        one = {"type": "string", "minLength": 1, "maxLength": self.MAX_CHARACTERS}
        many = {"type": "array", "items": one, "maxItems": self.MAX_STRINGS}
        return {"anyOf": [one, many, {"enum": [""]}]}

    def _check(self, text: object) -> None:
        if not isinstance(text, str) or not 1 <= len(text) <= self.MAX_CHARACTERS:
            raise ValidationError(f"must be a string of 1 to {self.MAX_CHARACTERS} characters")


class LogitBias(fields.Field[tuple[tuple[int, float], ...]]):
    """Token ids, as JSON writes an object's keys, and what is added to their logits. Whether
    an id exists is for the engine to say."""

    MAX_ENTRIES = 300
    MAX_ABS_BIAS = 100
    _KEY = "0|[1-9][0-9]{0,8}"

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> tuple[tuple[int, float], ...]:
        if not isinstance(value, dict) or len(value) > self.MAX_ENTRIES:
            raise ValidationError(f"must be an object of at most {self.MAX_ENTRIES} entries")
        return tuple((self._token(key), self._bias(key, bias)) for key, bias in value.items())

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^({self._KEY})$"},
            "additionalProperties": {
                "type": "number",
                "minimum": -self.MAX_ABS_BIAS,
                "maximum": self.MAX_ABS_BIAS,
            },
            "maxProperties": self.MAX_ENTRIES,
        }

    def _token(self, key: str) -> int:
        if not re.fullmatch(self._KEY, key):
            raise ValidationError({key[:100]: ["the key must be a token id in decimal digits"]})
        return int(key)

    def _bias(self, key: str, bias: object) -> float:
        if type(bias) in (int, float) and -self.MAX_ABS_BIAS <= bias <= self.MAX_ABS_BIAS:  # type: ignore[operator]
            return float(bias)  # type: ignore[arg-type]
        raise ValidationError(
            {key: [f"must be a number from -{self.MAX_ABS_BIAS} to {self.MAX_ABS_BIAS}"]}
        )


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """What an answer keeps to."""

    text: str  #: a JSON schema
    path: str  #: where the request has it


class ResponseFormat(fields.Field[AnswerSchema | None]):
    """`response_format`, read as the schema an answer keeps to; None: any text. The schema of
    "json_object" is llama.cpp's and others' shorter way to write "json_schema"."""

    _NAME = "[A-Za-z0-9_-]{1,64}"
    _HOLDERS = ("schema", "json_schema")
    _DESCRIBED = ("name", "description", "schema", "strict")

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> AnswerSchema | None:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        kind = value.get("type")
        if kind not in ("text", "json_object", "json_schema"):
            raise ValidationError({"type": ["must be text, json_object or json_schema"]})
        for name in self._HOLDERS:
            if value.get(name) is not None and name != self._holder(kind):
                raise ValidationError({name: [f'is not for type "{kind}"']})
        if kind == "text":
            return None
        if kind == "json_object":
            return self._object(value.get("schema"))
        return self._schema(value.get("json_schema"))

    def unread(self, value: Mapping[str, Any]) -> Iterator[str]:
        """Keys beside those of the kind that was chosen."""
        holder = self._holder(value["type"])
        yield from unread_keys(value, "type", holder)
        if holder == "json_schema":
            yield from below(holder, unread_keys(value[holder], *self._DESCRIBED))
            inner = below("schema", unread_keywords(value[holder]["schema"]))
            yield from below(holder, inner)
        elif holder and value.get(holder) is not None:
            yield from below(holder, unread_keywords(value[holder]))

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        described = {
            "type": "object",
            "properties": {
                "name": {"type": "string", "pattern": f"^{self._NAME}$"},
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
        return {
            "anyOf": [
                {
                    "type": "object",
                    "properties": {"type": {"const": kind}, **properties},
                    "required": ["type", *(["json_schema"] if kind == "json_schema" else [])],
                }
                for kind, properties in kinds.items()
            ]
        }

    def _holder(self, kind: str) -> str:
        """The key that holds the schema of an answer of this kind."""
        return {"json_object": "schema", "json_schema": "json_schema"}.get(kind, "")

    def _object(self, schema: object) -> AnswerSchema:
        if not isinstance(schema, dict | None):
            raise ValidationError({"schema": ["must be an object"]})
        # What it does not say of the answer's type is what json_object says.
        schema_object = {"type": "object", **without_steering(schema or {})}
        return AnswerSchema(json.dumps(schema_object), "schema")

    def _schema(self, described: object) -> AnswerSchema:
        if not isinstance(described, dict):
            raise ValidationError({"json_schema": ["must be an object"]})
        wrong: dict[str, list[str]] = {}
        name = described.get("name")
        if not isinstance(name, str) or not re.fullmatch(self._NAME, name):
            wrong["name"] = ["must be 1 to 64 letters, digits, underscores or dashes"]
        if not isinstance(described.get("description"), str | None):
            wrong["description"] = ["must be a string"]
        if not isinstance(described.get("schema"), dict):
            wrong["schema"] = ["must be an object"]
        if not isinstance(described.get("strict"), bool | None):
            wrong["strict"] = ["must be true or false"]
        if wrong:
            raise ValidationError({"json_schema": wrong})
        text = json.dumps(without_steering(described["schema"]))
        return AnswerSchema(text, "json_schema.schema")
