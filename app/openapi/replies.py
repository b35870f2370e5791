"""What answers look like, as schemas for the API's description.

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


def _text(*choices: str, **options: bool) -> fields.String:
    rule = validate.OneOf(choices) if choices else None
    return fields.String(required=not options.get("optional"), validate=rule)


def _nullable_text(*choices: str) -> fields.String:
    rule = validate.OneOf([*choices, None]) if choices else None
    return fields.String(required=True, allow_none=True, validate=rule)


def _whole() -> fields.Integer:
    return fields.Integer(required=True)


def _list(item: fields.Field[Any]) -> fields.List[Any]:
    return fields.List(item, required=True)


class CachedTokens(Reply):
    """Part of Usage."""

    cached_tokens = _whole()


class Usage(Reply):
    """Tokens of one request."""

    prompt_tokens = _whole()
    completion_tokens = _whole()
    total_tokens = _whole()
    prompt_tokens_details = fields.Nested(CachedTokens, required=True)


class CompletionLogprobs(Reply):
    """One entry for each token; nulls stand for an echoed prompt's first token."""

    tokens = _list(fields.String())
    token_logprobs = _list(fields.Float(allow_none=True))
    top_logprobs = _list(fields.Dict(fields.String(), fields.Float(), allow_none=True))
    text_offset = _list(fields.Integer())


class CompletionChoice(Reply):
    """One answer."""

    index = _whole()
    text = _text()
    finish_reason = _text("stop", "length")
    logprobs = fields.Nested(CompletionLogprobs)


class Completion(Reply):
    """The whole answer of /v1/completions."""

    id = _text()
    object = _text("text_completion")
    created = _whole()
    model = _text()
    choices = _list(fields.Nested(CompletionChoice))
    usage = fields.Nested(Usage, required=True)


class CompletionChunkChoice(Reply):
    """A piece of one answer."""

    index = _whole()
    text = _text()
    finish_reason = _nullable_text("stop", "length")
    logprobs = fields.Nested(CompletionLogprobs, allow_none=True)


class CompletionChunk(Completion):
    """One event of a stream; `usage` is there only where it is asked for."""

    choices = _list(fields.Nested(CompletionChunkChoice))
    usage = fields.Nested(Usage, allow_none=True)


class TopLogprob(Reply):
    """A token and its log-probability."""

    token = _text()
    bytes = fields.List(fields.Integer(), required=True, allow_none=True)
    logprob = fields.Float(required=True)


class TokenLogprob(TopLogprob):
    """A token of the answer."""

    top_logprobs = _list(fields.Nested(TopLogprob))


class ChatLogprobs(Reply):
    """One entry for each token."""

    content = _list(fields.Nested(TokenLogprob))
    refusal = _nullable_text()


class AnswerMessage(Reply):
    """One turn; `refusal` is always null and left out for classic clients."""

    role = _text()
    content = _text()
    refusal = fields.String(allow_none=True)


class ChatChoice(Reply):
    """One turn: a new one, or for classic clients also one that was given."""

    index = _whole()
    message = fields.Nested(AnswerMessage, required=True)
    finish_reason = _nullable_text("stop", "length")
    logprobs = fields.Nested(ChatLogprobs, allow_none=True)


class ChatCompletion(Completion):
    """The whole answer of /v1/chat/completions."""

    object = _text("chat.completion")
    choices = _list(fields.Nested(ChatChoice))


class ChatDelta(Reply):
    """What is new in a turn."""

    role = _text("assistant", optional=True)
    content = _text(optional=True)


class ChatChunkChoice(Reply):
    """A piece of one turn."""

    index = _whole()
    delta = fields.Nested(ChatDelta, required=True)
    finish_reason = _nullable_text("stop", "length")
    logprobs = fields.Nested(ChatLogprobs, allow_none=True)


class ChatCompletionChunk(CompletionChunk):
    """One event of a stream; `usage` is there only where it is asked for."""

    object = _text("chat.completion.chunk")
    choices = _list(fields.Nested(ChatChunkChoice))
