"""GET /health and /ready in every state of the engine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from app.engine.model_info import ModelFacts
from app.engine.stats import EngineState
from tests.fakes import ScriptedEngine


@pytest.mark.parametrize("state", EngineState)
def test_states(client: FlaskClient, engine: ScriptedEngine, state: EngineState) -> None:
    engine.state = state
    health = client.get("/health")
    assert (health.status_code, health.get_json()) == (200, {"status": "ok"})
    ready = client.get("/ready")
    assert ready.status_code == (200 if state is EngineState.READY else 503)
    assert ready.get_json() == {"status": state.value}
    assert ("Retry-After" in ready.headers) == (state is not EngineState.READY)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (ModelFacts(batch_invariant=True), {"batch_invariant": True}),
        (
            ModelFacts(batch_invariant=False, batch_variant_kernel="attention of layer 0"),
            {"batch_invariant": False, "batch_variant_kernel": "attention of layer 0"},
        ),
    ],
)
def test_batch_invariance(
    client: FlaskClient, engine: ScriptedEngine, facts: ModelFacts, expected: dict[str, object]
) -> None:
    engine.info_ = replace(engine.info_, facts=facts)
    ready = client.get("/ready")
    assert (ready.status_code, ready.get_json()) == (200, {"status": "ready", **expected})
    engine.state = EngineState.DRAINING
    assert client.get("/ready").get_json() == {"status": "draining", **expected}
    engine.state = EngineState.LOADING
    assert client.get("/ready").get_json() == {"status": "loading"}


def test_health_never_asks_the_engine(client: FlaskClient) -> None:
    client.application.extensions["engine"] = None
    assert client.get("/health").status_code == 200
