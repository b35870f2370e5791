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


class CalledFunction(ResponseSchema):
    """Which function is called, and with what: JSON text."""

    name = string()
    arguments = string()


class ToolCallBody(ResponseSchema):
    """A call of a tool."""

    id = string()
    type = string("function")
    function = fields.Nested(CalledFunction, required=True)


class AnswerMessage(ResponseSchema):
    """One turn; `refusal` is always null and left out for classic clients. `content` is null
    beside `tool_calls` without text. `reasoning_content` is there where the model has thought, but
    not for classic clients."""

    role = string()
    content = nullable_string()
    reasoning_content = string(optional=True)
    refusal = fields.String(allow_none=True)
    tool_calls = fields.List(fields.Nested(ToolCallBody))


class ChatChoice(ResponseSchema):
    """One turn: a new one, or for classic clients also one that was given."""

    index = integer()
    message = fields.Nested(AnswerMessage, required=True)
    finish_reason = nullable_string("stop", "length", "tool_calls")
    logprobs = fields.Nested(ChatLogprobs, allow_none=True)


class ChatCompletion(Completion):
    """The whole answer of /v1/chat/completions."""

    object = string("chat.completion")
    choices = list_of(fields.Nested(ChatChoice))


class FunctionDelta(ResponseSchema):
    """What is new of a called function."""

    name = string(optional=True)
    arguments = string()


class ToolCallDelta(ResponseSchema):
    """What is new of a call: first all but its arguments, then pieces of these."""

    index = integer()
    id = string(optional=True)
    type = string("function", optional=True)
    function = fields.Nested(FunctionDelta, required=True)


class ChatDelta(ResponseSchema):
    """What is new in a turn; `content` is null before a call without text."""

    role = string("assistant", optional=True)
    content = fields.String(allow_none=True)
    reasoning_content = string(optional=True)
    tool_calls = fields.List(fields.Nested(ToolCallDelta))


class ChatChunkChoice(ResponseSchema):
    """A piece of one turn."""

    index = integer()
    delta = fields.Nested(ChatDelta, required=True)
    finish_reason = nullable_string("stop", "length", "tool_calls")
    logprobs = fields.Nested(ChatLogprobs, allow_none=True)


class ChatCompletionChunk(CompletionChunk):
    """One event of a stream; `usage` is there only where it is asked for."""

    object = string("chat.completion.chunk")
    choices = list_of(fields.Nested(ChatChunkChoice))
