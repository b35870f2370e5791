"""What the answers of /v1/models and /v1/models/{id} look like."""

from __future__ import annotations

from marshmallow import fields, validate

from app.api.response_schema import ResponseSchema


class Model(ResponseSchema):
    """One served name."""

    id = fields.String(required=True)
    object = fields.String(required=True, validate=validate.Equal("model"))
    created = fields.Integer(required=True)
    owned_by = fields.String(required=True)
    root = fields.String(required=True)
    parent = fields.String(required=True, allow_none=True)
    max_model_len = fields.Integer(required=True)


class ModelList(ResponseSchema):
    """Every served name."""

    object = fields.String(required=True, validate=validate.Equal("list"))
    data = fields.List(fields.Nested(Model), required=True)
