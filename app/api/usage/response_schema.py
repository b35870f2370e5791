"""What the answer of /v1/usage looks like."""

from __future__ import annotations

from marshmallow import fields, validate

from app.api.response_schema import ResponseSchema, integer


class KeyUsage(ResponseSchema):
    """Tokens and requests of one API key on one day."""

    object = fields.String(required=True, validate=validate.Equal("usage"))
    key_name = fields.String(required=True)
    date = fields.Date(required=True)
    start_time = integer()
    requests = integer()
    prompt_tokens = integer()
    completion_tokens = integer()
    cached_tokens = integer()
