"""Every route of the API with its schemas, in the order a reader wants them.

Knows nothing about Flask or words; a test compares the list with the routes there are.
"""

from __future__ import annotations

from dataclasses import dataclass

from marshmallow import Schema

from app.api.chat_completions.request import ChatSchema
from app.api.chat_completions.response_schema import ChatCompletion, ChatCompletionChunk
from app.api.completions.request import CompletionsSchema
from app.api.completions.response_schema import Completion, CompletionChunk
from app.api.embeddings.request import EmbeddingsSchema
from app.api.tokenize.request import DetokenizeSchema, TokenizeSchema
from app.openapi import small_replies

_WRONG = (400, 401, 404, 413, 415, 429, 500, 503, 504)
_REFUSED = (401, 429, 503)


@dataclass(frozen=True, slots=True)
class Route:
    """One path with one method."""

    path: str
    answer: type[Schema] | None = None  #: None: plain text
    request: type[Schema] | None = None  #: None: a GET
    chunk: type[Schema] | None = None  #: an event of its stream, if it streams
    errors: tuple[int, ...] = ()
    open: bool = False  #: needs no API key, ever


ROUTES = (
    Route(
        "/v1/completions",
        Completion,
        CompletionsSchema,
        CompletionChunk,
        _WRONG,
    ),
    Route(
        "/v1/chat/completions",
        ChatCompletion,
        ChatSchema,
        ChatCompletionChunk,
        _WRONG,
    ),
    Route(
        "/v1/embeddings",
        small_replies.Embeddings,
        EmbeddingsSchema,
        errors=_WRONG,
    ),
    Route(
        "/v1/models",
        small_replies.ModelList,
        errors=_REFUSED,
    ),
    Route(
        "/v1/models/{model_id}",
        small_replies.Model,
        errors=(404, *_REFUSED),
    ),
    Route(
        "/tokenize",
        small_replies.Tokenized,
        TokenizeSchema,
        errors=_WRONG,
    ),
    Route(
        "/detokenize",
        small_replies.Detokenized,
        DetokenizeSchema,
        errors=_WRONG,
    ),
    Route(
        "/tokenizer_info",
        small_replies.TokenizerInfo,
        errors=_REFUSED,
    ),
    Route("/health", small_replies.Status, open=True),
    Route(
        "/ready",
        small_replies.Readiness,
        open=True,
    ),
    Route(
        "/metrics",
        errors=(401,),
    ),
)
