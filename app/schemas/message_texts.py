"""The text of one message, in both dialects: a string, or a list of text parts.

Knows nothing about roles, or about what else a message may hold.
"""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import ValidationError

from app.schemas.fields import JsonSchema

#: Of a list of parts.
PARTS_SCHEMA: JsonSchema = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
        "required": ["type", "text"],
    },
    "minItems": 1,
}


def text_key(item: Mapping[str, object]) -> str:
    """The key that holds a message's text: of both dialects' keys `message` counts."""
    return "message" if item.get("message") is not None else "content"


def read_text(key: str, value: object) -> str:
    """The text under a message's `key`, its parts joined by line breaks.

    Raises:
        ValidationError: with the path below the message of what is wrong.
    """
    if isinstance(value, str):
        return value
    if value is None:
        raise ValidationError({key: ["is required"]})
    if key == "message":
        raise ValidationError({key: ["must be a string"]})
    if not isinstance(value, list) or not value:
        raise ValidationError({key: ["must be a string or a list of text parts"]})
    parts = []
    for index, part in enumerate(value):
        try:
            parts.append(_part(part))
        except ValidationError as error:
            raise ValidationError({key: {index: error.messages}}) from None
    return "\n".join(parts)


def _part(part: object) -> str:
    if not isinstance(part, dict):
        raise ValidationError("must be an object with type and text")
    if part.get("type") != "text":
        raise ValidationError({"type": ['is not supported; only "text" parts are']})
    text = part.get("text")
    if not isinstance(text, str):
        raise ValidationError({"text": ["must be a string"]})
    return text
