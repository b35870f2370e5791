"""What the answers of /v1/messages and /v1/messages/count_tokens look like."""

from __future__ import annotations

from marshmallow import fields

from app.api.response_schema import ResponseSchema, integer, list_of, nullable_string, string

_STOP_REASONS = ("end_turn", "max_tokens", "stop_sequence", "tool_use")


class ThinkingTokens(ResponseSchema):
    """Part of MessageUsage."""

    thinking_tokens = integer()


class MessageUsage(ResponseSchema):
    """Tokens of one request; those of the prompt are in the cache or in `input_tokens`."""

    input_tokens = integer()
    cache_creation_input_tokens = integer()
    cache_read_input_tokens = integer()
    output_tokens = integer()
    output_tokens_details = fields.Nested(ThinkingTokens)


class ContentBlock(ResponseSchema):
    """A text, what the model thought before it, or a call of a tool; by `type`."""

    type = string("text", "thinking", "tool_use")
    text = string(optional=True)
    thinking = string(optional=True)
    signature = string(optional=True)
    id = string(optional=True)
    name = string(optional=True)
    input = fields.Dict()


class MessageBody(ResponseSchema):
    """The whole answer of /v1/messages."""

    id = string()
    type = string("message")
    role = string("assistant")
    model = string()
    content = list_of(fields.Nested(ContentBlock))
    stop_reason = nullable_string(*_STOP_REASONS)
    stop_sequence = nullable_string()
    usage = fields.Nested(MessageUsage, required=True)


class MessageEventDelta(ResponseSchema):
    """What is new in a block, by `type`, or why the message has ended."""

    type = string(
        "text_delta", "thinking_delta", "signature_delta", "input_json_delta", optional=True
    )
    text = string(optional=True)
    thinking = string(optional=True)
    signature = string(optional=True)
    partial_json = string(optional=True)
    stop_reason = fields.String(allow_none=True)
    stop_sequence = fields.String(allow_none=True)


class MessageEvent(ResponseSchema):
    """One event of a stream, by `type`."""

    type = string(
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "ping",
    )
    message = fields.Nested(MessageBody)
    index = fields.Integer()
    content_block = fields.Nested(ContentBlock)
    delta = fields.Nested(MessageEventDelta)
    usage = fields.Nested(MessageUsage)


class CountedTokens(ResponseSchema):
    """The answer of /v1/messages/count_tokens."""

    input_tokens = integer()
