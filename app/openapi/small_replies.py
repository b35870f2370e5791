"""What the smaller routes' answers look like, as schemas for the API's description.

Knows nothing about how answers are built; tests hold the built ones against these.
"""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from app.api.completions.response_schema import ResponseSchema


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


class Tokenized(ResponseSchema):
    """The answer of /tokenize. With `count_only` tokens and prompt are left out."""

    tokens = fields.List(fields.Integer())
    count = fields.Integer(required=True)
    max_model_len = fields.Integer(required=True)
    prompt = fields.String()


class TokenizerInfo(ResponseSchema):
    """The answer of /tokenizer_info."""

    tokenizer_class = fields.String(required=True)
    bos_token = fields.String(required=True, allow_none=True)
    eos_token = fields.String(required=True, allow_none=True)
    pad_token = fields.String(required=True, allow_none=True)
    vocab_size = fields.Integer(required=True)
    model_max_length = fields.Integer(required=True)
    chat_template = fields.String(required=True, allow_none=True)


class Detokenized(ResponseSchema):
    """The answer of /detokenize."""

    prompt = fields.String(required=True)


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
