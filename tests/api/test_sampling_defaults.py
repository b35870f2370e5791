"""`--generation_config auto`: the model's sampling parameters, where a request gives none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.engine.request import GenerationRequest, SamplingParams
from app.engine.stats import EngineState
from tests.fakes import ScriptedEngine

OWN = {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "min_p": 0.1, "repetition_penalty": 1.05}
ROUTES: list[tuple[str, dict[str, Any]]] = [
    ("/v1/completions", {"prompt": "a"}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}]}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "message": "a"}]}),
]
routes = pytest.mark.parametrize(("path", "body"), ROUTES)


def params(engine: ScriptedEngine) -> SamplingParams:
    request = engine.requests[-1]
    assert isinstance(request, GenerationRequest)
    return replace(request.params, seed=None)


@routes
def test_they_stand_in_for_what_is_not_given(
    client: FlaskClient, engine: ScriptedEngine, path: str, body: dict[str, Any]
) -> None:
    engine.info_ = replace(engine.info_, sampling_defaults=OWN)
    assert client.post(path, json={**body, "temperature": None}).status_code == 200
    assert params(engine) == SamplingParams(**OWN)  # type: ignore[arg-type]
    given = {"temperature": 0, "top_p": 1, "top_k": 0, "min_p": 0, "repetition_penalty": 1}
    client.post(path, json={**body, **given})
    assert params(engine) == SamplingParams(temperature=0)


@routes
def test_a_part_of_them(
    client: FlaskClient, engine: ScriptedEngine, path: str, body: dict[str, Any]
) -> None:
    client.post(path, json=body)
    plain = params(engine)
    engine.info_ = replace(engine.info_, sampling_defaults={"top_k": 7})
    client.post(path, json=body)
    assert params(engine) == replace(plain, top_k=7)


@routes
def test_errors_are_told_while_the_model_loads(
    client: FlaskClient, engine: ScriptedEngine, path: str, body: dict[str, Any]
) -> None:
    engine.state = EngineState.LOADING
    assert client.post(path, json={**body, "top_k": "x"}).status_code == 400
    assert client.post(path, json=body).status_code == 503
