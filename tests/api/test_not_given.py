"""What clients send for "nothing": it means the default, as null does. Whole numbers with .0."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.engine.request import EmbeddingRequest, GenerationRequest
from tests.fakes import ScriptedEngine

ROUTES: dict[str, dict[str, Any]] = {
    "completions": {"prompt": "你好", "seed": 1},
    "chat/completions": {"messages": [{"role": "user", "content": "你好"}], "seed": 1},
}


def requested(
    client: FlaskClient, engine: ScriptedEngine, route: str, **fields: Any
) -> GenerationRequest:
    response = client.post(f"/v1/{route}", json=ROUTES[route] | fields)
    assert response.status_code == 200, response.text
    assert "X-Ignored-Parameters" not in response.headers
    request = engine.requests[-1]
    assert isinstance(request, GenerationRequest)
    return request


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "fields",
    [
        {"top_k": -1},
        {"top_k": -1.0},
        {"max_tokens": -1},
        {"max_tokens": -1, "top_k": -1, "stop": ""},
        {"stop": ""},
        {"stop": []},
        {"stop": None},
    ],
)
def test_not_given(
    client: FlaskClient, engine: ScriptedEngine, route: str, fields: dict[str, Any]
) -> None:
    assert requested(client, engine, route, **fields) == requested(client, engine, route)


def test_the_other_name_counts_where_one_is_not_given(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    fields = {"max_tokens": 7, "max_completion_tokens": -1}
    assert requested(client, engine, "chat/completions", **fields).max_tokens == 7


@pytest.mark.parametrize("route", ROUTES)
def test_whole_numbers_with_a_point(
    client: FlaskClient, engine: ScriptedEngine, route: str
) -> None:
    whole = {"max_tokens": 5, "top_k": 3, "n": 2, "seed": 9, "num_beams": 1}
    pointed = {name: float(value) for name, value in whole.items()}
    same = requested(client, engine, route, **whole)
    found = requested(client, engine, route, **pointed)
    assert found == same
    for number in (found.max_tokens, found.n, found.params.top_k, found.params.seed):
        assert type(number) is int


def test_exponents_are_whole_numbers_too(client: FlaskClient, engine: ScriptedEngine) -> None:
    body = b'{"prompt":"a","max_tokens":1.5e1,"seed":-0.0}'
    response = client.post("/v1/completions", data=body, content_type="application/json")
    assert response.status_code == 200
    assert engine.requests[0].max_tokens == 15  # type: ignore[union-attr]


def test_ids_with_a_point(client: FlaskClient, engine: ScriptedEngine) -> None:
    body = b'{"prompt":[[5.0,6],[7,8.00]]}'
    assert client.post("/v1/completions", data=body, content_type="application/json").status_code
    assert engine.requests[0].prompts == ((5, 6), (7, 8))  # type: ignore[union-attr]
    body = b'{"input":[5.0,6],"dimensions":3.0}'
    response = client.post("/v1/embeddings", data=body, content_type="application/json")
    assert len(response.get_json()["data"][0]["embedding"]) == 3
    assert engine.requests[1] == EmbeddingRequest(((5, 6),))
