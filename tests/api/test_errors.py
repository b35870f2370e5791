"""Every row of the contract's error table that needs no key and no limit."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.engine.errors import (
    ContextExceeded,
    EmptyPrompt,
    EngineError,
    GenerationFailed,
    InvalidRequest,
    ModelLoading,
    Overloaded,
    ShuttingDown,
    Unavailable,
    UnknownToken,
)
from app.engine.stats import EngineState
from config import Config
from tests.fakes import ScriptedEngine

GOOD = {"completions": {"prompt": "a"}, "chat/completions": {"messages": "a"}}
GOOD["embeddings"] = {"input": "a"}


@pytest.mark.parametrize("route", GOOD)
@pytest.mark.parametrize(
    ("refusal", "status", "code", "retry_after"),
    [
        (ContextExceeded("m"), 400, "context_length_exceeded", None),
        (EmptyPrompt("m"), 400, None, None),
        (UnknownToken("m"), 400, None, None),
        (InvalidRequest("m"), 400, None, None),
        (ModelLoading("m"), 503, "model_loading", "2"),
        (Overloaded("m"), 503, "overloaded", "1"),
        (ShuttingDown("m"), 503, "shutting_down", "5"),
        (Unavailable("m"), 503, "overloaded", "1"),
    ],
)
def test_engine_refusals(
    client: FlaskClient,
    engine: ScriptedEngine,
    route: str,
    refusal: EngineError,
    status: int,
    code: str | None,
    retry_after: str | None,
) -> None:
    engine.refusal = refusal
    response = client.post(f"/v1/{route}", json=GOOD[route])
    assert response.status_code == status
    assert response.headers.get("Retry-After") == retry_after
    error = response.get_json()["error"]
    assert error["message"] == "m"
    assert error["code"] == code
    field = next(iter(GOOD[route]))
    assert error["param"] == (field if status == 400 else None)


@pytest.mark.parametrize("route", ["completions", "chat/completions"])
def test_param_of_max_tokens(client: FlaskClient, engine: ScriptedEngine, route: str) -> None:
    engine.refusal = ContextExceeded("m", "max_tokens")
    body = client.post(f"/v1/{route}", json=GOOD[route] | {"max_tokens": 9}).get_json()
    assert body["error"]["param"] == "max_tokens"


@pytest.mark.parametrize("route", GOOD)
@pytest.mark.parametrize("failure", [GenerationFailed("secret"), RuntimeError("/home/secret")])
def test_faults_of_ours(
    client: FlaskClient, engine: ScriptedEngine, route: str, failure: Exception
) -> None:
    engine.failure = failure
    response = client.post(
        f"/v1/{route}", json=GOOD[route], headers={"X-Request-Id": "my-request.1"}
    )
    assert response.status_code == 500
    error = response.get_json()["error"]
    assert error["type"] == "server_error"
    assert error["code"] is None and error["param"] is None
    assert "my-request.1" in error["message"]
    assert "secret" not in response.text
    engine.failure = None
    assert client.post(f"/v1/{route}", json=GOOD[route]).status_code == 200


class Unread(BytesIO):
    """A body that must not be read."""

    def read(self, *_: object) -> bytes:
        raise AssertionError("the body was read")


@pytest.mark.parametrize("route", GOOD)
@pytest.mark.parametrize(
    ("state", "most", "code"),
    [
        (EngineState.READY, 0, "overloaded"),
        (EngineState.DRAINING, 128, "shutting_down"),
        (EngineState.DEAD, 128, "shutting_down"),
    ],
)
def test_without_room_the_body_is_not_read(
    client: FlaskClient,
    engine: ScriptedEngine,
    route: str,
    state: EngineState,
    most: int,
    code: str,
) -> None:
    engine.state, engine.max_in_flight = state, most
    response = client.post(
        f"/v1/{route}", input_stream=Unread(), content_length=9, content_type="application/json"
    )
    assert response.status_code == 503
    assert response.get_json()["error"]["code"] == code
    assert int(response.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("route", GOOD)
def test_loading(client: FlaskClient, engine: ScriptedEngine, route: str) -> None:
    engine.state = EngineState.LOADING
    response = client.post(f"/v1/{route}", json=GOOD[route])
    assert response.status_code == 503
    assert response.get_json()["error"]["code"] == "model_loading"
    wrong = client.post(f"/v1/{route}", json={})
    assert wrong.status_code == 400, "what is wrong stays wrong"


def test_more_than_max_in_flight(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.max_in_flight = 2
    streams = [
        client.post("/v1/completions", json={"prompt": "a", "stream": True}, buffered=False)
        for _ in range(2)
    ]
    refused = client.post("/v1/completions", json={"prompt": "a"})
    assert refused.status_code == 503
    assert refused.get_json()["error"]["code"] == "overloaded"
    for stream in streams:
        stream.close()
    assert client.post("/v1/completions", json={"prompt": "a"}).status_code == 200


@pytest.mark.parametrize("route", GOOD)
@pytest.mark.parametrize("name", ["gpt-4o", "", "chinese-llama-alpaca ", "x" * 10_000])
def test_unknown_model(client: FlaskClient, route: str, name: str) -> None:
    response = client.post(f"/v1/{route}", json=GOOD[route] | {"model": name})
    assert response.status_code == 404
    error = response.get_json()["error"]
    assert error["code"] == "model_not_found"
    assert error["param"] == "model"
    assert "chinese-llama-alpaca" in error["message"]
    assert len(error["message"]) < 300


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize("path", ["/v1/nope", "/v1/chat", "/v1/completions/x", "/v1//nope", "/v1"])
def test_unknown_route(client: FlaskClient, method: str, path: str) -> None:
    response = client.open(path, method=method, headers={"Accept": "text/html"})
    assert response.status_code == 404
    error = response.get_json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["code"] is None
    for route in ("POST /v1/chat/completions", "POST /v1/embeddings", "GET /v1/models"):
        assert route in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/completions", "POST"),
        ("PUT", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/embeddings", "POST"),
        ("POST", "/v1/models", "GET"),
    ],
)
def test_wrong_method(client: FlaskClient, method: str, path: str, allowed: str) -> None:
    response = client.open(path, method=method)
    assert response.status_code == 405
    assert allowed in response.headers["Allow"]
    assert allowed in response.get_json()["error"]["message"]


@pytest.mark.parametrize("route", GOOD)
def test_body_too_large(engine: ScriptedEngine, route: str) -> None:
    client = create_app(Config(MAX_BODY_MB=1), engine).test_client()
    space = b" " * (1 << 20)
    body = json.dumps(GOOD[route]).encode()
    response = client.post(f"/v1/{route}", data=body + space, content_type="application/json")
    assert response.status_code == 413
    assert "1 MiB" in response.get_json()["error"]["message"]
    fits = body + space[len(body) :]
    response = client.post(f"/v1/{route}", data=fits, content_type="application/json")
    assert response.status_code == 200


def chunked(client: FlaskClient, body: bytes, **environ: object) -> tuple[int, dict[str, object]]:
    """A body without a declared length, as the WSGI server hands over a chunked one."""
    response = client.post(
        "/v1/completions",
        input_stream=BytesIO(body),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True, **environ},
    )
    return response.status_code, response.get_json()


def test_chunked_body(engine: ScriptedEngine) -> None:
    client = create_app(Config(MAX_BODY_MB=1), engine).test_client()
    assert chunked(client, b'{"prompt":"a"}')[0] == 200
    assert chunked(client, b'{"prompt":"a"}' + b" " * (1 << 20))[0] == 413


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
    ],
)
def test_other_content_types(client: FlaskClient, content_type: str | None) -> None:
    response = client.post("/v1/completions", data=b'{"prompt":"a"}', content_type=content_type)
    assert response.status_code == 415
    assert "application/json" in response.get_json()["error"]["message"]


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_spellings_of_json(client: FlaskClient, content_type: str) -> None:
    response = client.post("/v1/completions", data=b'{"prompt":"a"}', content_type=content_type)
    assert response.status_code == 200


def test_compressed_body(client: FlaskClient) -> None:
    response = client.post(
        "/v1/completions",
        data=b"\x1f\x8b",
        content_type="application/json",
        headers={"Content-Encoding": "gzip"},
    )
    assert response.status_code == 415
