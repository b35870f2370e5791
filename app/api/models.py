"""GET /v1/models and /v1/models/{id}.

Knows nothing about the model but what the engine tells.
"""

from __future__ import annotations

from flask import Response

from app.api import wire
from app.schemas.models import model_body, models_body


def list_all() -> Response:
    """Every served model."""
    model = model_body(wire.served().model_name, wire.engine().info)
    return wire.json_response(models_body([model]))


def retrieve(model_id: str) -> Response:
    """One of them."""
    served = wire.served()
    served.check_model(model_id)
    return wire.json_response(model_body(served.model_name, wire.engine().info))
