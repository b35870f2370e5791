"""The routes of /v1/models."""

from __future__ import annotations

from app.api.models.response_schema import (
    AnthropicModel,
    AnthropicModelList,
    Model,
    ModelList,
)
from app.api.models.view import list_all, retrieve
from app.api.route import LOOKUP_ERRORS, Route

ROUTES = (
    Route(
        path="/v1/models",
        view=list_all,
        response=ModelList,
        anthropic_response=AnthropicModelList,
        errors=LOOKUP_ERRORS,
    ),
    Route(
        path="/v1/models/{model_id}",
        view=retrieve,
        response=Model,
        anthropic_response=AnthropicModel,
        errors=(404, *LOOKUP_ERRORS),
    ),
)
