"""What /v1/messages refuses, and that every refusal and failure is in Anthropic's shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.engine.errors import ContextExceeded, GenerationFailed, Overloaded
from app.engine.stats import EngineState
from config import Config
from tests.api.test_messages import COUNT, ROUTE, TOOL, USER
from tests.fakes import ScriptedEngine
from tests.middleware.conftest import ALICE, KEYS
from tests.named_events import read_named_events

GOOD: dict[str, Any] = {"messages": [USER], "max_tokens": 50}


def user(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"messages": [USER, {"role": "assistant", "content": list(blocks)}, USER]}


def refusal(client: FlaskClient, body: Any, path: str = ROUTE, **options: Any) -> tuple[int, str]:
    """Status and type of an error, after its message was found whole."""
    response = client.post(path, json=body, **options)
    found = response.get_json()
    assert list(found) == ["type", "error", "request_id"], found
    assert list(found["error"]) == ["type", "message"] and found["type"] == "error"
    assert found["request_id"] == response.headers["Request-Id"]
    assert found["error"]["message"]
    return response.status_code, found["error"]["type"]


TEXT = {"type": "text", "text": "a"}
USE = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "c", "content": "a"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "a"}, "messages"),
        ({"messages": [5]}, "messages.0"),
        ({"messages": [{"content": "a"}]}, "messages.0.role"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages.0.role"),
        ({"messages": [USER, {"role": "user"}]}, "messages.1.content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        (user(5), "messages.0.content.0"),
        (user({}), "messages.0.content.0.type"),
        (user(TEXT, IMAGE), "messages.0.content.1.type"),
        (user({"type": "document", "source": {}}), "messages.0.content.0.type"),
        (user({"type": "search_result"}), "messages.0.content.0.type"),
        (user({"type": "text"}), "messages.0.content.0.text"),
        (user(USE), "messages.0.content.0.type"),
        (user({**RESULT, "tool_use_id": None}), "messages.0.content.0.tool_use_id"),
        (user({**RESULT, "content": [IMAGE]}), "messages.0.content.0.content.0.type"),
        (user({**RESULT, "content": 5}), "messages.0.content.0.content"),
        (user({**RESULT, "is_error": "yes"}), "messages.0.content.0.is_error"),
        (assistant(RESULT), "messages.1.content.0.type"),
        (assistant({**USE, "input": "{}"}), "messages.1.content.0.input"),
        (assistant({**USE, "name": ""}), "messages.1.content.0.name"),
        (assistant({"type": "thinking", "thinking": 5}), "messages.1.content.0.thinking"),
        ({"messages": [USER, {"role": "assistant", "content": ""}]}, "messages.1.content"),
        ({"messages": [USER, {"role": "assistant", "content": [USE]}]}, "messages.1.content"),
        ({"messages": [{"role": "system", "content": [IMAGE]}]}, "messages.0.content.0.type"),
        ({"messages": [{"role": "user", "content": "a\ue0ff"}]}, None),
        ({"system": 5}, "system"),
        ({"system": [IMAGE]}, "system.0.type"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"name": "f"}]}, "tools.0.input_schema"),
        ({"tools": [{**TOOL, "name": "a b"}]}, "tools.0.name"),
        ({"tools": [{**TOOL, "type": 5}]}, "tools.0.type"),
        ({"tools": [TOOL, {**TOOL, "description": "e"}]}, "tools.1.name"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "required"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"tool_choice": {"type": "tool"}, "tools": [TOOL]}, "tool_choice.name"),
        ({"tool_choice": {"type": "tool", "name": "g"}, "tools": [TOOL]}, "tool_choice.name"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": -1}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "on"}}, "thinking.type"),
        ({"thinking": True}, "thinking"),
        ({"output_config": {"effort": "huge"}}, "output_config.effort"),
        ({"output_config": {"effort": []}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "text"}}}, "output_config.format.type"),
        ({"output_format": {"type": "json_schema"}}, "output_format.schema"),
        ({"stop_sequences": "a"}, "stop_sequences"),
        ({"stop_sequences": ["a", ""]}, "stop_sequences.1"),
        ({"stop_sequences": ["a"] * 17}, "stop_sequences"),
        ({"temperature": 3}, "temperature"),
        ({"top_k": 1.5}, "top_k"),
    ],
)
def test_fields(client: FlaskClient, fields: dict[str, Any], path: str | None) -> None:
    response = client.post(ROUTE, json={**GOOD, **fields})
    if path is None:  # without a chat template every character is text
        assert response.status_code == 200
        return
    assert refusal(client, {**GOOD, **fields}) == (400, "invalid_request_error")
    assert response.get_json()["error"]["message"].startswith(f"{path}: ")
    if path.partition(".")[0] in ("messages", "system", "tools", "tool_choice", "thinking"):
        again = client.post(COUNT, json={**GOOD, **fields})
        assert again.get_json()["error"]["message"].startswith(f"{path}: ")


@pytest.mark.parametrize("path", [ROUTE, COUNT])
def test_bodies(client: FlaskClient, path: str) -> None:
    for data, kind, status, error in (
        (b"{", "application/json", 400, "invalid_request_error"),
        (b"[]", "application/json", 400, "invalid_request_error"),
        (b"{}", "text/plain", 415, "invalid_request_error"),
        (b" " * (9 << 20), "application/json", 413, "request_too_large"),
    ):
        response = client.post(path, data=data, content_type=kind)
        assert response.status_code == status
        assert response.get_json()["error"]["type"] == error


def test_an_unknown_model(client: FlaskClient) -> None:
    for path in (ROUTE, COUNT):
        assert refusal(client, {**GOOD, "model": "gpt-4"}, path) == (404, "not_found_error")


def test_the_context(client: FlaskClient) -> None:
    body = {**GOOD, "messages": [{"role": "user", "content": "a" * 5000}]}
    assert refusal(client, body) == (400, "invalid_request_error")
    message = client.post(ROUTE, json=body).get_json()["error"]["message"]
    assert "maximum context length is 2048 tokens" in message


def test_keys_and_limits(engine: ScriptedEngine, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(KEYS)
    config = Config(API_KEYS_FILE=str(tmp_path / "keys"), RATE_LIMIT=((2, "minute"),))
    client = create_app(config, engine).test_client()
    assert refusal(client, GOOD) == (401, "authentication_error")
    key = {"x-api-key": ALICE}
    assert client.post(ROUTE, json=GOOD, headers=key).status_code == 200
    assert client.post(COUNT, json=GOOD, headers=key).status_code == 200
    assert refusal(client, GOOD, headers=key) == (429, "rate_limit_error")


def test_not_now(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.refusal = Overloaded("m")
    assert refusal(client, GOOD) == (503, "overloaded_error")
    engine.refusal = ContextExceeded("m", "max_tokens")
    assert refusal(client, GOOD) == (400, "invalid_request_error")
    engine.refusal, engine.state = None, EngineState.LOADING
    assert refusal(client, GOOD) == (503, "overloaded_error")


def test_faults_of_ours(engine: ScriptedEngine) -> None:
    client = create_app(Config(), engine).test_client()
    engine.failure = GenerationFailed("secret")
    assert refusal(client, GOOD) == (500, "api_error")
    engine.failure, engine.fail_after = RuntimeError("secret"), 1
    events = read_named_events(client.post(ROUTE, json={**GOOD, "stream": True}).data)
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["message_start", "ping"] and kinds[-1] == "error"
    assert "message_stop" not in kinds
    assert events[-1]["error"]["type"] == "api_error"
    assert "secret" not in str(events)
