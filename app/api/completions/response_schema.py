"""What the answers of /v1/completions look like, as schemas for the API's description.

Knows nothing about how answers are built; tests hold the built ones against these.
"""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, fields, validate


class Reply(Schema):
    """An object without further keys, all of them there unless a field says otherwise."""

    class Meta:
        """No further keys."""

        unknown = RAISE


def a_text(*choices: str, **options: bool) -> fields.String:
    """A text, of `choices` if there are any; not required if `optional`."""
    rule = validate.OneOf(choices) if choices else None
    return fields.String(required=not options.get("optional"), validate=rule)


def a_text_or_null(*choices: str) -> fields.String:
    """A text or null, of `choices` if there are any."""
    rule = validate.OneOf([*choices, None]) if choices else None
    return fields.String(required=True, allow_none=True, validate=rule)


def a_whole() -> fields.Integer:
    """A whole number."""
    return fields.Integer(required=True)


def a_list(item: fields.Field[Any]) -> fields.List[Any]:
    """A list of what `item` describes."""
    return fields.List(item, required=True)


class CachedTokens(Reply):
    """Part of Usage."""

    cached_tokens = a_whole()


class Usage(Reply):
    """Tokens of one request."""

    prompt_tokens = a_whole()
    completion_tokens = a_whole()
    total_tokens = a_whole()
    prompt_tokens_details = fields.Nested(CachedTokens, required=True)


class CompletionLogprobs(Reply):
    """One entry for each token; nulls stand for an echoed prompt's first token."""

    tokens = a_list(fields.String())
    token_logprobs = a_list(fields.Float(allow_none=True))
    top_logprobs = a_list(fields.Dict(fields.String(), fields.Float(), allow_none=True))
    text_offset = a_list(fields.Integer())


class CompletionChoice(Reply):
    """One answer."""

    index = a_whole()
    text = a_text()
    finish_reason = a_text("stop", "length")
    logprobs = fields.Nested(CompletionLogprobs, required=True, allow_none=True)


class Completion(Reply):
    """The whole answer of /v1/completions."""

    id = a_text()
    object = a_text("text_completion")
    created = a_whole()
    model = a_text()
    choices = a_list(fields.Nested(CompletionChoice))
    usage = fields.Nested(Usage, required=True)
    system_fingerprint = a_text()


class CompletionChunkChoice(Reply):
    """A piece of one answer."""

    index = a_whole()
    text = a_text()
    finish_reason = a_text_or_null("stop", "length")
    logprobs = fields.Nested(CompletionLogprobs, required=True, allow_none=True)


class CompletionChunk(Completion):
    """One event of a stream; `usage` is there only where it is asked for."""

    choices = a_list(fields.Nested(CompletionChunkChoice))
    usage = fields.Nested(Usage, allow_none=True)
