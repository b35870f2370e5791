"""`max_tokens` beyond the context is cut and told; a prompt beyond it is refused in known words."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.engine.request import GenerationRequest
from tests.fakes import INFO, ScriptedEngine

USER = [{"role": "user", "content": "你好"}]
ASKS = [
    ("completions", {"prompt": "你好"}, "max_tokens"),
    ("chat/completions", {"messages": "你好"}, "max_tokens"),
    ("chat/completions", {"messages": USER}, "max_tokens"),
    ("chat/completions", {"messages": USER}, "max_completion_tokens"),
]
LIMIT = INFO.max_model_len


@pytest.mark.parametrize(("route", "body", "field"), ASKS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("asked", [LIMIT, 8_000, 32_000.0, 2**63 - 1])
def test_cut_and_told(
    client: FlaskClient,
    engine: ScriptedEngine,
    route: str,
    body: dict[str, Any],
    field: str,
    stream: bool,
    asked: float,
) -> None:
    response = client.post(f"/v1/{route}", json={**body, field: asked, "stream": stream})
    assert response.status_code == 200
    (request,) = engine.requests
    assert isinstance(request, GenerationRequest)
    left = LIMIT - len(request.prompts[0])
    assert response.headers["X-Max-Tokens-Cut"] == str(left)


@pytest.mark.parametrize(("route", "body", "field"), ASKS)
@pytest.mark.parametrize("asked", [{}, {"max_tokens": None}, {"max_tokens": 5}])
def test_nothing_cut_nothing_told(
    client: FlaskClient, route: str, body: dict[str, Any], field: str, asked: dict[str, Any]
) -> None:
    response = client.post(f"/v1/{route}", json={**body, **asked})
    assert response.status_code == 200
    assert "X-Max-Tokens-Cut" not in response.headers


def test_exactly_what_is_left_is_not_cut(client: FlaskClient, engine: ScriptedEngine) -> None:
    body = {"prompt": [1, 2, 3], "max_tokens": LIMIT - 3}
    assert "X-Max-Tokens-Cut" not in client.post("/v1/completions", json=body).headers
    body["max_tokens"] += 1
    told = client.post("/v1/completions", json=body).headers["X-Max-Tokens-Cut"]
    assert told == str(LIMIT - 3)


def test_of_several_prompts_the_least(client: FlaskClient) -> None:
    body = {"prompt": [[1] * 10, [1] * 100, [1]], "max_tokens": LIMIT}
    response = client.post("/v1/completions", json=body)
    assert response.headers["X-Max-Tokens-Cut"] == str(LIMIT - 100)


@pytest.mark.parametrize(
    ("route", "body", "param"),
    [
        ("completions", {"prompt": [3] * LIMIT}, "prompt"),
        ("completions", {"prompt": "a" * LIMIT, "max_tokens": 1}, "prompt"),
        ("completions", {"prompt": "a" * LIMIT * 129}, "prompt"),
        ("chat/completions", {"messages": "a" * LIMIT}, "messages"),
        ("chat/completions", {"messages": "西" * LIMIT * 129}, "messages"),
        ("embeddings", {"input": "a" * LIMIT * 129}, "input"),
    ],
)
def test_no_room_for_one_token(
    client: FlaskClient, route: str, body: dict[str, Any], param: str
) -> None:
    for stream in ({}, {"stream": True}) if route != "embeddings" else ({},):
        response = client.post(f"/v1/{route}", json={**body, **stream})
        assert response.status_code == 400
        error = response.get_json()["error"]
        assert error["param"] == param
        assert error["code"] == "context_length_exceeded"
        assert f"This model's maximum context length is {LIMIT} tokens" in error["message"]
        assert "context_length_exceeded" in error["message"], "some clients see the message only"
