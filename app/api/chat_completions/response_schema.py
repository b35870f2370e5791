"""What the answers of /v1/chat/completions look like, as schemas for the API's description.

Knows nothing about how answers are built; tests hold the built ones against these.
"""

from __future__ import annotations

from marshmallow import fields

from app.api.completions.response_schema import (
    Completion,
    CompletionChunk,
    Reply,
    a_list,
    a_text,
    a_text_or_null,
    a_whole,
)


class TopLogprob(Reply):
    """A token and its log-probability."""

    token = a_text()
    bytes = fields.List(fields.Integer(), required=True, allow_none=True)
    logprob = fields.Float(required=True)


class TokenLogprob(TopLogprob):
    """A token of the answer."""

    top_logprobs = a_list(fields.Nested(TopLogprob))


class ChatLogprobs(Reply):
    """One entry for each token."""

    content = a_list(fields.Nested(TokenLogprob))
    refusal = a_text_or_null()


class AnswerMessage(Reply):
    """One turn; `refusal` is always null and left out for classic clients."""

    role = a_text()
    content = a_text()
    refusal = fields.String(allow_none=True)


class ChatChoice(Reply):
    """One turn: a new one, or for classic clients also one that was given."""

    index = a_whole()
    message = fields.Nested(AnswerMessage, required=True)
    finish_reason = a_text_or_null("stop", "length")
    logprobs = fields.Nested(ChatLogprobs, allow_none=True)


class ChatCompletion(Completion):
    """The whole answer of /v1/chat/completions."""

    object = a_text("chat.completion")
    choices = a_list(fields.Nested(ChatChoice))


class ChatDelta(Reply):
    """What is new in a turn."""

    role = a_text("assistant", optional=True)
    content = a_text(optional=True)


class ChatChunkChoice(Reply):
    """A piece of one turn."""

    index = a_whole()
    delta = fields.Nested(ChatDelta, required=True)
    finish_reason = a_text_or_null("stop", "length")
    logprobs = fields.Nested(ChatLogprobs, allow_none=True)


class ChatCompletionChunk(CompletionChunk):
    """One event of a stream; `usage` is there only where it is asked for."""

    object = a_text("chat.completion.chunk")
    choices = a_list(fields.Nested(ChatChunkChoice))
