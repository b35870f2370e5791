"""What errors, /health and /ready look like."""

from __future__ import annotations

from marshmallow import fields

from app.api.response_schema import ResponseSchema


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
    """Every refusal and failure."""

    error = fields.Nested(Fault, required=True)
