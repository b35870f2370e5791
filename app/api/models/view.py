"""GET /v1/models and /v1/models/{id}.

Knows nothing about the model but what the engine tells.
"""

from __future__ import annotations

from flask import Response

from app.api import json_http
from app.api.models.response import model_body, models_body


def list_all() -> Response:
    """Every name that is served."""
    served, info = json_http.served(), json_http.engine().info
    bodies = [model_body(name, served.model_name, served.parent, info) for name in served.names]
    return json_http.json_response(models_body(bodies))


def retrieve(model_id: str) -> Response:
    """One of them."""
    served = json_http.served()
    served.check_model(model_id)
    info = json_http.engine().info
    return json_http.json_response(model_body(model_id, served.model_name, served.parent, info))
