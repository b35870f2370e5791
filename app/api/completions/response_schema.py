"""What the answers of /v1/completions look like, as schemas for the API's description.

Knows nothing about how answers are built; tests hold the built ones against these.
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


class Usage(ResponseSchema):
    """Tokens of one request."""

    prompt_tokens = integer()
    completion_tokens = integer()
    total_tokens = integer()
    prompt_tokens_details = fields.Nested(CachedTokens, required=True)


class CompletionLogprobs(ResponseSchema):
    """One entry for each token; nulls stand for an echoed prompt's first token."""

    tokens = list_of(fields.String())
    token_logprobs = list_of(fields.Float(allow_none=True))
    top_logprobs = list_of(fields.Dict(fields.String(), fields.Float(), allow_none=True))
    text_offset = list_of(fields.Integer())


class CompletionChoice(ResponseSchema):
    """One answer."""

    index = integer()
    text = string()
    finish_reason = string("stop", "length")
    logprobs = fields.Nested(CompletionLogprobs, required=True, allow_none=True)


class Completion(ResponseSchema):
    """The whole answer of /v1/completions."""

    id = string()
    object = string("text_completion")
    created = integer()
    model = string()
    choices = list_of(fields.Nested(CompletionChoice))
    usage = fields.Nested(Usage, required=True)
    system_fingerprint = string()


class CompletionChunkChoice(ResponseSchema):
    """A piece of one answer."""

    index = integer()
    text = string()
    finish_reason = nullable_string("stop", "length")
    logprobs = fields.Nested(CompletionLogprobs, required=True, allow_none=True)


class CompletionChunk(Completion):
    """One event of a stream; `usage` is there only where it is asked for."""

    choices = list_of(fields.Nested(CompletionChunkChoice))
    usage = fields.Nested(Usage, allow_none=True)
