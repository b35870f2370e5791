"""What errors, /health and /ready look like."""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import fields, validate

from app.api.response_schema import ResponseSchema
from app.protocol.api_family import ApiFamily


class Status(ResponseSchema):
    """How the server is."""

    status = fields.String(required=True)


class Readiness(Status):
    """Whether the model can answer, and once it is loaded what the check of its kernels found."""

    batch_invariant = fields.Boolean()
    batch_variant_kernel = fields.String()


class Fault(ResponseSchema):
    """What is wrong with a request, or went wrong with it."""

    message = fields.String(required=True)
    type = fields.String(required=True)
    param = fields.String(required=True, allow_none=True)
    code = fields.String(required=True, allow_none=True)


class Error(ResponseSchema):
    """Every refusal and failure, in OpenAI's shape."""

    error = fields.Nested(Fault, required=True)


class AnthropicFault(ResponseSchema):
    """What is wrong with a request, or went wrong with it."""

    type = fields.String(required=True)
    message = fields.String(required=True)


class AnthropicError(ResponseSchema):
    """Every refusal and failure, in Anthropic's shape."""

    type = fields.String(required=True, validate=validate.Equal("error"))
    error = fields.Nested(AnthropicFault, required=True)
    request_id = fields.String(required=True, allow_none=True)


#: By the API whose shape a route's errors have.
ERROR_SCHEMAS: Mapping[ApiFamily, type[ResponseSchema]] = {
    ApiFamily.OPENAI: Error,
    ApiFamily.ANTHROPIC: AnthropicError,
}
