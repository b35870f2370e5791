"""GET /health and /ready, for liveness and readiness probes.

They take no lock, so they respond also while the engine is busy.
"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify

from app.engine import EngineStatus
from app.engine.model_info import ModelFacts
from app.engine.stats import EngineState
from app.middleware.model_facts import model_facts


def health_blueprint() -> Blueprint:
    """Both routes."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/health")
    def health() -> Response:
        return jsonify(status="ok")

    @blueprint.get("/ready")
    def ready() -> Response:
        engine: EngineStatus = current_app.extensions["engine"]
        state = engine.state
        response = jsonify(status=state.value, **_batch_invariance(model_facts(engine)))
        if state is not EngineState.READY:
            response.status_code = 503
            response.headers["Retry-After"] = "2"
        return response

    return blueprint


def _batch_invariance(facts: ModelFacts) -> dict[str, object]:
    """The result of the batch invariance check; empty before it has run."""
    if facts.batch_invariant is None:
        return {}
    if facts.batch_invariant:
        return {"batch_invariant": True}
    return {"batch_invariant": False, "batch_variant_kernel": facts.batch_variant_kernel}
