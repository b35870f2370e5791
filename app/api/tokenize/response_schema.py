"""What the answers of /tokenize, /detokenize and /tokenizer_info look like."""

from __future__ import annotations

from marshmallow import fields

from app.api.response_schema import ResponseSchema


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
