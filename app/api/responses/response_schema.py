"""What the answers of /v1/responses and /v1/responses/input_tokens look like."""

from __future__ import annotations

from marshmallow import fields

from app.api.response_schema import ResponseSchema, integer, list_of, nullable_string, string

_STATUSES = ("in_progress", "completed", "incomplete")


class ContentPart(ResponseSchema):
    """A part of an item's text: `output_text`, `reasoning_text` or `summary_text`."""

    type = string("output_text", "reasoning_text", "summary_text")
    text = string()
    annotations = fields.List(fields.Dict())
    logprobs = fields.List(fields.Dict())


class OutputItemBody(ResponseSchema):
    """An item of the output: `message`, `reasoning` or `function_call`."""

    id = string()
    type = string("message", "reasoning", "function_call")
    status = string(*_STATUSES)
    role = string("assistant", optional=True)
    content = fields.List(fields.Nested(ContentPart))
    summary = fields.List(fields.Nested(ContentPart))
    call_id = string(optional=True)
    name = string(optional=True)
    arguments = string(optional=True)


class InputDetails(ResponseSchema):
    """Part of ResponseUsage."""

    cached_tokens = integer()
    cache_write_tokens = integer()


class OutputDetails(ResponseSchema):
    """Part of ResponseUsage."""

    reasoning_tokens = integer()


class ResponseUsage(ResponseSchema):
    """Tokens of one request."""

    input_tokens = integer()
    input_tokens_details = fields.Nested(InputDetails, required=True)
    output_tokens = integer()
    output_tokens_details = fields.Nested(OutputDetails, required=True)
    total_tokens = integer()


class IncompleteDetails(ResponseSchema):
    """Why an answer is cut."""

    reason = string("max_output_tokens")


class ResponseError(ResponseSchema):
    """Why an answer failed."""

    code = string("server_error", "rate_limit_exceeded")
    message = string()


class ReasoningBody(ResponseSchema):
    """As the request says it."""

    effort = nullable_string()
    summary = nullable_string()


class ResponseBody(ResponseSchema):
    """The whole answer of /v1/responses, and what several events carry of it."""

    id = string()
    object = string("response")
    created_at = integer()
    status = string(*_STATUSES, "failed")
    completed_at = fields.Integer()
    error = fields.Nested(ResponseError, required=True, allow_none=True)
    incomplete_details = fields.Nested(IncompleteDetails, required=True, allow_none=True)
    model = string()
    output = list_of(fields.Nested(OutputItemBody))
    usage = fields.Nested(ResponseUsage, required=True, allow_none=True)
    background = fields.Boolean(required=True)
    instructions = nullable_string()
    max_output_tokens = fields.Integer(required=True, allow_none=True)
    metadata = fields.Dict(required=True)
    parallel_tool_calls = fields.Boolean(required=True)
    previous_response_id = nullable_string()
    reasoning = fields.Nested(ReasoningBody, required=True)
    store = fields.Boolean(required=True)
    temperature = fields.Float(required=True)
    text = fields.Dict(required=True)
    tool_choice = fields.Raw(required=True)
    tools = list_of(fields.Dict())
    top_logprobs = integer()
    top_p = fields.Float(required=True)
    truncation = string("disabled", "auto")
    user = nullable_string()


class ResponseEvent(ResponseSchema):
    """One event of a stream. Its other keys depend on its type."""

    type = string()
    sequence_number = integer()
    response = fields.Nested(ResponseBody)
    output_index = fields.Integer()
    item = fields.Nested(OutputItemBody)
    item_id = string(optional=True)
    content_index = fields.Integer()
    summary_index = fields.Integer()
    part = fields.Nested(ContentPart)
    delta = string(optional=True)
    text = string(optional=True)
    arguments = string(optional=True)
    logprobs = fields.List(fields.Dict())
    code = fields.String(allow_none=True)
    message = string(optional=True)
    param = fields.String(allow_none=True)


class InputTokens(ResponseSchema):
    """How many tokens a request has."""

    object = string("response.input_tokens")
    input_tokens = integer()
