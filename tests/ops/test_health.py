"""GET /health and /ready in every state of the engine."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from app.engine.types import EngineState
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


def test_health_never_asks_the_engine(client: FlaskClient) -> None:
    client.application.extensions["engine"] = None
    assert client.get("/health").status_code == 200
