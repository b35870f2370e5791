"""What the answers of /v1/completions look like."""

from __future__ import annotations

from marshmallow import fields

from app.api.response_schema import (
    ResponseSchema,
    Usage,
    integer,
    list_of,
    nullable_string,
    string,
)


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
