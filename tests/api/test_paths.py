"""Paths are answered as they are meant, and never by a redirect."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from config import Config
from tests.fakes import ScriptedEngine


def ask(client: FlaskClient, path: str, **fields: Any) -> Any:
    """The path as it is: test clients take what follows "//" for a host."""
    return client.open("/", environ_overrides={"PATH_INFO": path}, **fields)


BODIES: dict[str, dict[str, Any]] = {
    "completions": {"prompt": "a"},
    "chat/completions": {"messages": [{"role": "user", "content": "a"}]},
    "embeddings": {"input": "a"},
    "responses": {"input": "a"},
}
SPELLINGS = ("/v1/{}", "/{}", "//v1/{}", "/v1//{}", "/v1/{}/", "/{}/", "//{}", "//v1///{}///")
SPELLINGS += ("/v1/v1/{}",)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("base", ["", "/llm", "//llm/", "/x/y"])
def test_posts(engine: ScriptedEngine, spelling: str, base: str) -> None:
    path = base.replace("//", "/").rstrip("/")
    client = create_app(Config(BASE_PATH=path), engine).test_client()
    for route, body in BODIES.items():
        where = base + spelling.format(route)
        if route == "chat/completions":
            where = where.replace("chat/", "chat//")
        answer = ask(client, where, method="POST", json=body)
        assert answer.status_code == 200, where
        wrong = ask(client, where, method="POST", json={})
        assert wrong.status_code == 400 and wrong.get_json()["error"]["param"]
        assert ask(client, where).status_code == 405


@pytest.mark.parametrize("path", ["/models", "/models/", "//models", "/v1/models//"])
def test_models(client: FlaskClient, path: str) -> None:
    assert ask(client, path).get_json() == client.get("/v1/models").get_json()


@pytest.mark.parametrize("name", ["org/model", "a//b", "v1/models", "completions"])
def test_models_names_keep_their_slashes(engine: ScriptedEngine, name: str) -> None:
    client = create_app(Config(MODEL_NAME=name), engine).test_client()
    for path in (f"/v1/models/{name}", f"//models//{name}/"):
        found = ask(client, path)
        assert found.status_code == 200 and found.get_json()["id"] == name


@pytest.mark.parametrize("path", ["/tokenize/", "//tokenize"])
def test_beside_v1(client: FlaskClient, path: str) -> None:
    body = {"prompt": "a"}
    assert (
        ask(client, path, method="POST", json=body).data
        == ask(client, "/tokenize", method="POST", json=body).data
    )


@pytest.mark.parametrize(
    "path", ["/metrics/", "/health/", "/ready/", "/docs/", "/static//icon.svg"]
)
def test_others_are_left_to_the_proxys_rules(client: FlaskClient, path: str) -> None:
    """A proxy that closes /metrics must not find it open under another spelling."""
    assert ask(client, path).status_code == 404


@pytest.mark.parametrize("path", ["/v1/nope", "/v1/chat", "/v1", "/v1/../health", "/v2/models"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_such_route(client: FlaskClient, method: str, path: str) -> None:
    answer = ask(client, path, method=method)
    assert answer.status_code == 404
    message = answer.get_json()["error"]["message"]
    for route in ("POST /v1/chat/completions", "POST /tokenize", "GET /tokenizer_info"):
        assert route in message
    assert "/playground" not in message
