"""GET /v1/models and /v1/models/{id}."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.engine.stats import EngineState
from config import Config
from tests.fakes import ScriptedEngine

MODEL = {
    "id": "chinese-llama-alpaca",
    "object": "model",
    "created": 1_700_000_000,
    "owned_by": "westlake",
    "root": "chinese-llama-alpaca",
    "parent": None,
    "max_model_len": 2048,
}


def test_list(client: FlaskClient) -> None:
    expected = {"object": "list", "data": [MODEL], "models": []}
    assert client.get("/v1/models").get_json() == expected


def test_one(client: FlaskClient) -> None:
    assert client.get("/v1/models/chinese-llama-alpaca").get_json() == MODEL


def test_name_with_a_slash(engine: ScriptedEngine) -> None:
    client = create_app(Config(MODEL_NAME="me/alpaca"), engine).test_client()
    assert client.get("/v1/models/me/alpaca").get_json()["id"] == "me/alpaca"


@pytest.mark.parametrize("name", ["gpt-4o", "chinese-llama-alpaca/x", "%ff"])
def test_unknown(client: FlaskClient, name: str) -> None:
    response = client.get(f"/v1/models/{name}")
    assert response.status_code == 404
    assert response.get_json()["error"]["code"] == "model_not_found"


def test_loading(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.state = EngineState.LOADING
    response = client.get("/v1/models")
    assert response.status_code == 503
    assert response.headers["Retry-After"]


def test_aliases(engine: ScriptedEngine) -> None:
    config = Config(MODEL_ALIAS=("gpt-3.5-turbo", "chinese-llama-alpaca", "本地"))
    client = create_app(config, engine).test_client()
    listed = client.get("/v1/models").get_json()["data"]
    names = ["chinese-llama-alpaca", "gpt-3.5-turbo", "本地"]
    assert [model["id"] for model in listed] == names
    assert {model["root"] for model in listed} == {"chinese-llama-alpaca"}
    for name in names:
        assert client.get(f"/v1/models/{name}").get_json()["id"] == name
        for path, fields in (
            ("completions", {"prompt": "a"}),
            ("chat/completions", {"messages": "a"}),
            ("embeddings", {"input": "a"}),
        ):
            answer = client.post(f"/v1/{path}", json={"model": name, **fields}).get_json()
            assert answer["model"] == "chinese-llama-alpaca", "always the served name"
    error = client.get("/v1/models/gpt-4").get_json()["error"]
    assert error["code"] == "model_not_found"
    assert error["message"].endswith("served: " + ", ".join(names))


def test_the_classic_name_always_means_the_model(engine: ScriptedEngine) -> None:
    client = create_app(Config(BASE_MODEL="/srv/models/my llama"), engine).test_client()
    (listed,) = client.get("/v1/models").get_json()["data"]
    assert (listed["id"], listed["root"], listed["parent"]) == ("my-llama", "my-llama", None)
    assert client.get("/v1/models/chinese-llama-alpaca").get_json()["root"] == "my-llama"
    for asked in ({}, {"model": None}, {"model": "my-llama"}, {"model": "chinese-llama-alpaca"}):
        for path, fields in (
            ("completions", {"prompt": "a"}),
            ("chat/completions", {"messages": "a"}),
            ("embeddings", {"input": "a"}),
        ):
            answer = client.post(f"/v1/{path}", json={**asked, **fields}).get_json()
            assert answer["model"] == "my-llama"
    error = client.get("/v1/models/my llama").get_json()["error"]
    assert error["message"].endswith("served: my-llama")


@pytest.mark.parametrize(
    ("base", "name", "parent"),
    [("/srv/llama-7b", "", "llama-7b"), ("org/llama-7b", "mine", "org/llama-7b")],
)
def test_a_loras_parent_is_the_base_model(
    engine: ScriptedEngine, base: str, name: str, parent: str
) -> None:
    config = Config(BASE_MODEL=base, LORA_MODEL=("/srv/lora",), MODEL_NAME=name)
    client = create_app(config, engine).test_client()
    (listed,) = client.get("/v1/models").get_json()["data"]
    assert (listed["id"], listed["parent"]) == (name or parent, parent)


VERSION = {"anthropic-version": "2023-06-01"}


def test_anthropics_list(engine: ScriptedEngine) -> None:
    client = create_app(Config(MODEL_NAME="a", MODEL_ALIAS=("b/c",)), engine).test_client()
    one, other = (
        {
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": "2023-11-14T22:13:20Z",
            "lifecycle": "active",
            "max_input_tokens": 2048,
            "max_tokens": 2048,
        }
        for name in ("a", "b/c")
    )
    page = {"data": [one, other], "has_more": False, "first_id": "a", "last_id": "b/c"}
    assert client.get("/v1/models", headers=VERSION).get_json() == page
    assert client.get("/v1/models?limit=1000&beta=true", headers=VERSION).get_json() == page
    assert client.get("/v1/models/b/c", headers=VERSION).get_json() == other
    assert client.get("/v1/models/d", headers=VERSION).get_json()["type"] == "error"
