"""`prompt`, `input` and `tokens`: fields of texts, of token ids, or of either."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields

from app.engine.token_ids import TokenIds
from app.protocol.fields import JsonSchema, as_integer, read_items

TextOrIds = str | TokenIds

_KINDS = "must be a string, a list of strings, a list of token ids, or a list of those"


def is_list_of_items(value: object) -> bool:
    """Whether a valid value of `Texts` is a list of texts or of lists of ids, so that the path
    of a bad item ends in its index."""
    return isinstance(value, list) and isinstance(value[0], str | list)


class Texts(fields.Field[tuple[TextOrIds, ...]]):
    """Always read as a tuple: one item per prompt or input, none of them empty."""

    def __init__(self, *, max_items: int) -> None:
        super().__init__(required=True, error_messages={"required": "is required"})
        self.max_items = max_items

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, **kwargs: Any
    ) -> tuple[TextOrIds, ...]:
        if isinstance(value, str):
            return (_text(value),)
        if not isinstance(value, list):
            raise ValidationError(_KINDS)
        if not value:
            raise ValidationError("must not be empty")
        if _is_number(value[0]):
            return (_ids(value),)
        if len(value) > self.max_items:
            raise ValidationError(f"must hold at most {self.max_items} items")
        return read_items(value, _text if isinstance(value[0], str) else _ids)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        text = {"type": "string", "minLength": 1}
        return {
            "anyOf": [
                text,
                _list_of(text, self.max_items),
                _list_of(ID_SCHEMA),
                _list_of(_list_of(ID_SCHEMA), self.max_items),
            ]
        }


class Ids(fields.Field[TokenIds]):
    """A list of token ids, which may be empty."""

    def __init__(self) -> None:
        super().__init__(required=True, error_messages={"required": "is required"})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> TokenIds:
        if not isinstance(value, list):
            raise ValidationError("must be a list of token ids")
        return read_ids(value)

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        return {"type": "array", "items": ID_SCHEMA}


ID_SCHEMA: JsonSchema = {"type": "integer", "minimum": 0}


def _list_of(items: JsonSchema, max_items: int | None = None) -> JsonSchema:
    schema: JsonSchema = {"type": "array", "items": items, "minItems": 1}
    return schema if max_items is None else {**schema, "maxItems": max_items}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValidationError("must be a string, as the first item is")
    if not value:
        raise ValidationError("must not be empty")
    return value


def _ids(value: object) -> TokenIds:
    if not isinstance(value, list):
        raise ValidationError(_KINDS)
    if not value:
        raise ValidationError("must not be empty")
    return read_ids(value)


def read_ids(value: list[object]) -> TokenIds:
    """Token ids. Raises ValidationError with the index of the first that is none."""
    return tuple(_id(index, token) for index, token in enumerate(value))


def _id(index: int, token: object) -> int:
    number = as_integer(token)
    if number is None or number < 0:
        raise ValidationError({index: ["must be a token id: a whole number, 0 or more"]})
    return number
