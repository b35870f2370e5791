"""Building blocks of the answers' documented shapes, and those that several routes share.

Tests hold the answers that the routes build against these schemas.
"""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate


class ResponseSchema(Schema):
    """An object without further keys, all of them there unless a field says otherwise."""

    class Meta:
        """No further keys."""

        unknown = RAISE


def string(*choices: str, **options: bool) -> fields.String:
    """A text, of `choices` if there are any; not required if `optional`."""
    rule = validate.OneOf(choices) if choices else None
    return fields.String(required=not options.get("optional"), validate=rule)


def nullable_string(*choices: str) -> fields.String:
    """A text or null, of `choices` if there are any."""
    rule = validate.OneOf([*choices, None]) if choices else None
    return fields.String(required=True, allow_none=True, validate=rule)


def integer() -> fields.Integer:
    """A whole number."""
    return fields.Integer(required=True)


def list_of(item: fields.Field[Any]) -> fields.List[Any]:
    """A list of what `item` describes."""
    return fields.List(item, required=True)


class CachedTokens(ResponseSchema):
    """Part of Usage."""

    cached_tokens = integer()


class ReasoningTokens(ResponseSchema):
    """Part of Usage."""

    reasoning_tokens = integer()


class Usage(ResponseSchema):
    """Tokens of one request."""

    prompt_tokens = integer()
    completion_tokens = integer()
    total_tokens = integer()
    prompt_tokens_details = fields.Nested(CachedTokens, required=True)
    completion_tokens_details = fields.Nested(ReasoningTokens)
