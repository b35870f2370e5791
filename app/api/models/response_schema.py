"""What the answers of /v1/models and /v1/models/{id} look like."""

from __future__ import annotations

from marshmallow import fields, validate

from app.api.response_schema import ResponseSchema, integer, list_of, string


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
    """Every served name; `models` is for Codex, and empty."""

    object = fields.String(required=True, validate=validate.Equal("list"))
    data = fields.List(fields.Nested(Model), required=True)
    models = fields.List(fields.Dict(), required=True, validate=validate.Length(max=0))


class AnthropicModel(ResponseSchema):
    """One served name, for requests with the header anthropic-version."""

    type = string("model")
    id = string()
    display_name = string()
    created_at = string()
    lifecycle = string("active")
    max_input_tokens = integer()
    max_tokens = integer()


class AnthropicModelList(ResponseSchema):
    """Every served name, for requests with the header anthropic-version."""

    data = list_of(fields.Nested(AnthropicModel))
    has_more = fields.Boolean(required=True)
    first_id = string()
    last_id = string()
