"""What the answer of /v1/embeddings looks like."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from app.api.response_schema import ResponseSchema


class FloatsOrBase64(fields.Field[Any]):
    """A vector in either `encoding_format`."""

    def json_schema(self) -> dict[str, Any]:
        """What the field may be."""
        numbers = {"type": "array", "items": {"type": "number"}}
        return {"anyOf": [numbers, {"type": "string", "contentEncoding": "base64"}]}


class EmbeddingsUsage(ResponseSchema):
    """Tokens of the inputs."""

    prompt_tokens = fields.Integer(required=True)
    total_tokens = fields.Integer(required=True)


class Embedding(ResponseSchema):
    """One input's vector."""

    object = fields.String(required=True, validate=validate.Equal("embedding"))
    embedding = FloatsOrBase64(required=True)
    index = fields.Integer(required=True)


class Embeddings(ResponseSchema):
    """The answer of /v1/embeddings."""

    object = fields.String(required=True, validate=validate.Equal("list"))
    data = fields.List(fields.Nested(Embedding), required=True)
    model = fields.String(required=True)
    usage = fields.Nested(EmbeddingsUsage, required=True)
