"""GET /v1/models and /v1/models/{id}."""

from __future__ import annotations

from flask import Response

from app.api.json_http import json_response, text_engine
from app.api.models.response import model_body, models_body


def list_all() -> Response:
    """Every name that is served."""
    engine = text_engine()
    bodies = [model_body(name, engine.served, engine.info) for name in engine.served.names]
    return json_response(models_body(bodies))


def retrieve(model_id: str) -> Response:
    """One of them."""
    engine = text_engine()
    engine.served.check_model(model_id)
    return json_response(model_body(model_id, engine.served, engine.info))
