"""The fields of generation that are more than a number, a text or a switch.

Knows nothing about which route has them, or what they do to an answer.
"""

from __future__ import annotations

import json
import re
from typing import Any

from marshmallow import ValidationError, fields

from app.schemas.fields import JsonSchema


class StreamOptions(fields.Field[bool]):
    """`stream_options`, read as whether a usage chunk is asked for."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        for name in ("include_usage", "include_obfuscation"):
            if not isinstance(value.get(name), bool | None):
                raise ValidationError({name: ["must be true or false"]})
        return value.get("include_usage") is True

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
    MOST = 100
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
            "additionalProperties": {"type": "number", "minimum": -self.MOST, "maximum": self.MOST},
            "maxProperties": self.MAX_ENTRIES,
        }

    def _token(self, key: str) -> int:
        if not re.fullmatch(self._KEY, key):
            raise ValidationError({key[:100]: ["the key must be a token id in decimal digits"]})
        return int(key)

    def _bias(self, key: str, bias: object) -> float:
        if type(bias) in (int, float) and -self.MOST <= bias <= self.MOST:  # type: ignore[operator]
            return float(bias)  # type: ignore[arg-type]
        raise ValidationError({key: [f"must be a number from -{self.MOST} to {self.MOST}"]})


class ResponseFormat(fields.Field[str | None]):
    """`response_format`, read as the JSON text of the schema an answer keeps to; None: any text."""

    _NAME = "[A-Za-z0-9_-]{1,64}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str | None:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        kind = value.get("type")
        if kind == "text":
            return None
        if kind == "json_object":
            return '{"type": "object"}'
        if kind != "json_schema":
            raise ValidationError({"type": ["must be text, json_object or json_schema"]})
        return self._schema(value.get("json_schema"))

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
        plain = {"type": {"enum": ["text", "json_object"]}}
        held = {"type": {"const": "json_schema"}, "json_schema": described}
        return {
            "anyOf": [
                {"type": "object", "properties": plain, "required": ["type"]},
                {"type": "object", "properties": held, "required": ["type", "json_schema"]},
            ]
        }

    def _schema(self, described: object) -> str:
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
        return json.dumps(described["schema"])
