"""The texts in an item of `input`: a string, or a list of parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from marshmallow import ValidationError

from app.protocol.fields import JsonSchema, below, read_items, unread_keys

#: Kinds of parts by the item that has them, each with the key of its text.
MESSAGE_PARTS: Mapping[str, str] = {
    "input_text": "text",
    "output_text": "text",
    "refusal": "refusal",
}
OUTPUT_PARTS: Mapping[str, str] = {"input_text": "text"}
REASONING_PARTS: Mapping[str, str] = {"reasoning_text": "text", "summary_text": "text"}
#: Of parts that the model has written, and clients send back.
_OF_OUTPUT = ("annotations", "logprobs")


def read_content(value: object, kinds: Mapping[str, str], joint: str = "\n") -> str:
    """The text of a string, or of parts of these kinds; `joint` is put between them.

    Raises:
        ValidationError: with the path below `value` of what is wrong.
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise ValidationError("must be a string or a list of text parts")
    return joint.join(read_items(value, lambda part: _part(part, kinds)))


def unread_in_content(value: object, kinds: Mapping[str, str]) -> Iterator[str]:
    """Paths below a content, which has been read, of what nothing reads."""
    for index, part in enumerate(value if isinstance(value, list) else ()):
        known = ("type", kinds[part["type"]], *_OF_OUTPUT)
        yield from below(index, unread_keys(part, *known))


def parts_schema(kinds: Mapping[str, str]) -> JsonSchema:
    """What a content may be, for the API's description."""
    parts = [
        {
            "type": "object",
            "properties": {"type": {"const": kind}, key: {"type": "string"}},
            "required": ["type", key],
        }
        for kind, key in kinds.items()
    ]
    return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"anyOf": parts}}]}


def _part(part: object, kinds: Mapping[str, str]) -> str:
    if not isinstance(part, dict):
        raise ValidationError("must be an object with type and text")
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in kinds:
        served = ", ".join(f'"{name}"' for name in kinds)
        raise ValidationError({"type": [f"is not supported; only {served} parts are"]})
    text = part.get(kinds[kind])
    if not isinstance(text, str):
        raise ValidationError({kinds[kind]: ["must be a string"]})
    return text
