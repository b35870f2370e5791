"""The text of one message, in both dialects: a string, or a list of text parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from marshmallow import ValidationError

from app.protocol.fields import JsonSchema, below, unread_keys


def parts_schema(*kinds: str) -> JsonSchema:
    """What a list of parts of these kinds may be, for the API's description."""
    part = [
        {
            "type": "object",
            "properties": {"type": {"const": kind}, kind: {"type": "string"}},
            "required": ["type", kind],
        }
        for kind in kinds
    ]
    return {"type": "array", "items": {"anyOf": part}, "minItems": 1}


def text_key(item: Mapping[str, object]) -> str:
    """The key that holds a message's text: of both dialects' keys `message` counts."""
    return "message" if item.get("message") is not None else "content"


def read_text(key: str, value: object, *, may_refuse: bool = False) -> str:
    """The text under a message's `key`, its parts joined by line breaks. may_refuse: parts may
    also say that the assistant refused to answer.

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
    kinds = ("text", "refusal") if may_refuse else ("text",)
    parts = []
    for index, part in enumerate(value):
        try:
            parts.append(_part(part, kinds))
        except ValidationError as error:
            raise ValidationError({key: {index: error.messages}}) from None
    return "\n".join(parts)


def unread_parts(value: object) -> Iterator[str]:
    """Paths below a message's text, which has been read, of what nothing reads."""
    if isinstance(value, list):
        for index, part in enumerate(value):
            yield from below(index, unread_keys(part, "type", part["type"]))


def _part(part: object, kinds: tuple[str, ...]) -> str:
    if not isinstance(part, dict):
        raise ValidationError("must be an object with type and text")
    kind = part.get("type")
    if kind not in kinds:
        raise ValidationError({"type": ['is not supported; only "text" parts are']})
    text = part.get(kind)
    if not isinstance(text, str):
        raise ValidationError({kind: ["must be a string"]})
    return text
