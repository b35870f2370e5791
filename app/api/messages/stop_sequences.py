"""`stop_sequences` of Anthropic's API."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields

from app.protocol.fields import JsonSchema, read_items
from app.protocol.generation_fields import Stop

_MAX_SEQUENCES = 16


class StopSequences(fields.Field[tuple[str, ...]]):
    """A list of stop strings."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> tuple[str, ...]:
        if not isinstance(value, list) or len(value) > _MAX_SEQUENCES:
            raise ValidationError(f"must be a list of at most {_MAX_SEQUENCES} strings")
        return read_items(value, Stop.read_one)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        text = {"type": "string", "minLength": 1, "maxLength": Stop.MAX_CHARACTERS}
        return {"type": "array", "items": text, "maxItems": _MAX_SEQUENCES}
