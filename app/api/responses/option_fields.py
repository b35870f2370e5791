"""`include` and `metadata` of /v1/responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from marshmallow import ValidationError, fields

from app.protocol.fields import JsonSchema

INCLUDE_LOGPROBS = "message.output_text.logprobs"


class Include(fields.Field[bool]):
    """`include`, read as whether log-probabilities are asked for."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, list):
            raise ValidationError("must be a list of strings")
        for index, item in enumerate(value):
            if not isinstance(item, str):
                raise ValidationError({index: ["must be a string"]})
        return INCLUDE_LOGPROBS in value

    def unread(self, value: list[str]) -> Iterator[str]:
        """What is not served, such as encrypted thinking."""
        return (str(index) for index, item in enumerate(value) if item != INCLUDE_LOGPROBS)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        return {"type": "array", "items": {"type": "string"}}


class Metadata(fields.Field[dict[str, str]]):
    """`metadata`: texts by name, which are sent back."""

    MAX_PAIRS = 16
    MAX_KEY = 64
    MAX_VALUE = 512

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> dict[str, str]:
        if not isinstance(value, dict) or len(value) > self.MAX_PAIRS:
            raise ValidationError(f"must be an object of at most {self.MAX_PAIRS} strings")
        for key, text in value.items():
            if len(key) > self.MAX_KEY:
                raise ValidationError(f"must have keys of at most {self.MAX_KEY} characters")
            if not isinstance(text, str) or len(text) > self.MAX_VALUE:
                problem = f"must be a string of at most {self.MAX_VALUE} characters"
                raise ValidationError({key: [problem]})
        return value

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        return {
            "type": "object",
            "propertyNames": {"maxLength": self.MAX_KEY},
            "additionalProperties": {"type": "string", "maxLength": self.MAX_VALUE},
            "maxProperties": self.MAX_PAIRS,
        }
