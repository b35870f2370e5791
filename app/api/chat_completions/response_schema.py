"""What the answers of /v1/chat/completions look like."""

from __future__ import annotations

from marshmallow import fields

from app.api.completions.response_schema import Completion, CompletionChunk
from app.api.response_schema import (
    ResponseSchema,
    integer,
    list_of,
    nullable_string,
    string,
)


class TopLogprob(ResponseSchema):
    """A token and its log-probability."""

    token = string()
    bytes = fields.List(fields.Integer(), required=True, allow_none=True)
    logprob = fields.Float(required=True)


class TokenLogprob(TopLogprob):
    """A token of the answer."""

    top_logprobs = list_of(fields.Nested(TopLogprob))


class ChatLogprobs(ResponseSchema):
    """One entry for each token."""

    content = list_of(fields.Nested(TokenLogprob))
    refusal = nullable_string()


class AnswerMessage(ResponseSchema):
    """One turn; `refusal` is always null and left out for classic clients."""

    role = string()
    content = string()
    refusal = fields.String(allow_none=True)


class ChatChoice(ResponseSchema):
    """One turn: a new one, or for classic clients also one that was given."""

    index = integer()
    message = fields.Nested(AnswerMessage, required=True)
    finish_reason = nullable_string("stop", "length")
    logprobs = fields.Nested(ChatLogprobs, allow_none=True)


class ChatCompletion(Completion):
    """The whole answer of /v1/chat/completions."""

    object = string("chat.completion")
    choices = list_of(fields.Nested(ChatChoice))


class ChatDelta(ResponseSchema):
    """What is new in a turn."""

    role = string("assistant", optional=True)
    content = string(optional=True)


class ChatChunkChoice(ResponseSchema):
    """A piece of one turn."""

    index = integer()
    delta = fields.Nested(ChatDelta, required=True)
    finish_reason = nullable_string("stop", "length")
    logprobs = fields.Nested(ChatLogprobs, allow_none=True)


class ChatCompletionChunk(CompletionChunk):
    """One event of a stream; `usage` is there only where it is asked for."""

    object = string("chat.completion.chunk")
    choices = list_of(fields.Nested(ChatChunkChoice))
