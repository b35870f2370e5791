"""The route of /v1/embeddings."""

from __future__ import annotations

from app.api.embeddings.request import EmbeddingsSchema
from app.api.embeddings.response_schema import Embeddings
from app.api.embeddings.view import create
from app.api.route import ENGINE_ERRORS, Route

ROUTES = (
    Route(
        path="/v1/embeddings",
        view=create,
        request=EmbeddingsSchema,
        response=Embeddings,
        errors=ENGINE_ERRORS,
        defaults={"encoding_format": "float"},
        example=lambda texts: {"input": texts.examples["embeddings"]["topics"][0]},
    ),
)
