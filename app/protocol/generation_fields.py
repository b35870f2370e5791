"""Structured fields of generation: stop, stop_token_ids, logit_bias, stream_options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError, fields

from app.engine.token_ids import TokenIds
from app.protocol.fields import JsonSchema, unread_keys
from app.protocol.prompt_fields import ID_SCHEMA, read_ids


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
                self.read_one(value)
            return (value,) if value else ()
        if not isinstance(value, list) or len(value) > self.MAX_STRINGS:
            raise ValidationError(f"must be a string or a list of at most {self.MAX_STRINGS}")
        for index, text in enumerate(value):
            try:
                self.read_one(text)
            except ValidationError as error:
                raise ValidationError({index: error.messages}) from None
        return tuple(value)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        one = {"type": "string", "minLength": 1, "maxLength": self.MAX_CHARACTERS}
        many = {"type": "array", "items": one, "maxItems": self.MAX_STRINGS}
        return {"anyOf": [one, many, {"enum": [""]}]}

    @classmethod
    def read_one(cls, text: object) -> str:
        """One stop string of a list. Raises ValidationError."""
        if not isinstance(text, str) or not 1 <= len(text) <= cls.MAX_CHARACTERS:
            raise ValidationError(f"must be a string of 1 to {cls.MAX_CHARACTERS} characters")
        return text


class StopTokenIds(fields.Field[TokenIds]):
    """A list of token ids. Whether they exist is for the engine to say."""

    MAX_IDS = 128

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> TokenIds:
        if not isinstance(value, list) or len(value) > self.MAX_IDS:
            raise ValidationError(f"must be a list of at most {self.MAX_IDS} token ids")
        return read_ids(value)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        return {"type": "array", "items": ID_SCHEMA, "maxItems": self.MAX_IDS}


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


class PromptCacheKey(fields.Field[str | None]):
    """Which requests begin alike, for an upstream's router. Accepted with any value, as it has no
    effect on the answer; None where it is no text."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str | None:
        return value if isinstance(value, str) else None

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        return {"x-without-effect": True}
