"""`tools` of a chat request, which answers do not use yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from marshmallow import ValidationError, fields

from app.protocol.fields import JsonSchema


class OfferedTools(fields.Field[bool]):
    """Read as whether there are any. An answer in text is a right answer to a request that
    leaves the choice to the model, so they are named as ignored rather than refused."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, list):
            raise ValidationError("must be a list of tools")
        for index, tool in enumerate(value):
            if not isinstance(tool, dict):
                raise ValidationError({index: ["must be an object"]})
        return bool(value)

    def unread(self, value: list[object]) -> Iterator[str]:
        """All of them."""
        yield from [""] if value else []

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        return {"type": "array", "items": {"type": "object"}}
