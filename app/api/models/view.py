"""GET /v1/models and /v1/models/{id}."""

from __future__ import annotations

from flask import Response, request

from app.api.json_http import json_response, text_engine
from app.api.models.response import (
    anthropic_model_body,
    anthropic_models_body,
    model_body,
    models_body,
)
from app.protocol.api_family import ANTHROPIC_VERSION, ApiFamily, api_family


def list_all() -> Response:
    """Every name that is served."""
    bodies = [_body(name) for name in text_engine().served.names]
    return json_response(anthropic_models_body(bodies) if _is_anthropic() else models_body(bodies))


def retrieve(model_id: str) -> Response:
    """One of them."""
    text_engine().served.check_model(model_id)
    return json_response(_body(model_id))


def _body(name: str) -> dict[str, object]:
    engine = text_engine()
    if _is_anthropic():
        return anthropic_model_body(name, engine.info)
    return model_body(name, engine.served, engine.info)


def _is_anthropic() -> bool:
    version = request.headers.get(ANTHROPIC_VERSION)
    return api_family(request.path, version) is ApiFamily.ANTHROPIC
