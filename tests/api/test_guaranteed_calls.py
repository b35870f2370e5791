"""Calls held by grammar, of the embedded model, which knows nothing about tools: they all match."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from app import create_app
from app.tool_calls.formats import ToolFormat
from config import Config
from tests.event_stream import read_events

if TYPE_CHECKING:
    from app.engine.async_engine import AsyncEngine

USER = {"role": "user", "content": "天气"}
SCHEMAS: dict[str, dict[str, Any]] = {
    "get": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 6},
            "days": {"type": "integer", "minimum": 1, "maximum": 9},
            "unit": {"enum": ["℃", "</tool_call>", "[TOOL_CALLS]"]},
            "at": {"$ref": "#/$defs/at"},
        },
        "required": ["city", "days"],
        "additionalProperties": False,
        "$defs": {"at": {"type": "array", "items": {"type": "boolean"}, "maxItems": 2}},
    },
    "now": {"type": "object", "properties": {}, "additionalProperties": False},
}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": schema}}
    for name, schema in SCHEMAS.items()
]
NAMED = {"type": "function", "function": {"name": "get"}}
CHOICES: dict[str, dict[str, Any]] = {
    "one": {"tool_choice": "required", "parallel_tool_calls": False},
    "several": {"tool_choice": "required"},
    "named": {"tool_choice": NAMED},
}


def calls_in(choice: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and arguments of a whole choice's calls."""
    functions = [call["function"] for call in choice["message"].get("tool_calls", [])]
    return [(function["name"], function["arguments"]) for function in functions]


def streamed_calls(chunks: list[dict[str, Any]], index: int) -> list[tuple[str, str]]:
    """The same of one choice of a stream."""
    calls: list[list[str]] = []
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        for piece in choice["delta"].get("tool_calls", ()) if choice["index"] == index else ():
            if "id" in piece:
                calls.append([piece["function"]["name"], ""])
            calls[piece["index"]][1] += piece["function"]["arguments"]
    return [(name, arguments) for name, arguments in calls]


def finished_calls(client: FlaskClient, body: dict[str, Any], choice_name: str) -> int:
    """Ask whole and streamed; how many answers ended with calls. Each call is checked."""
    body = {"messages": [USER], "tools": TOOLS, "max_tokens": 60, **CHOICES[choice_name], **body}
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    events = read_events(client.post("/v1/chat/completions", json={**body, "stream": True}).data)
    finished = 0
    for index, choice in enumerate(response.get_json()["choices"]):
        calls, reason = calls_in(choice), choice["finish_reason"]
        assert streamed_calls(events.chunks, index) == calls
        assert events.reasons(index)[-1] == reason and reason in ("tool_calls", "length")
        assert choice["message"]["content"] is None or not calls
        if reason == "tool_calls":
            finished += 1
            assert calls and (choice_name == "several" or len(calls) == 1)
            for tool, arguments in calls:
                jsonschema.validate(json.loads(arguments), SCHEMAS[tool])
                assert choice_name != "named" or tool == "get"
    return finished


@pytest.mark.parametrize("kind", [ToolFormat.HERMES, ToolFormat.QWEN3_CODER])
def test_every_call_matches_its_schema(real_engine: AsyncEngine, kind: ToolFormat) -> None:
    client = create_app(Config(TOOL_PARSER=kind.value), real_engine).test_client()
    seed = list(ToolFormat).index(kind)
    hot = {"temperature": 1.5, "n": 3, "seed": seed}
    finished = finished_calls(client, hot, "one")
    finished += finished_calls(client, {**hot, "n": 1}, "several")
    finished += finished_calls(client, {"temperature": 0}, "named")
    assert finished >= 2


@pytest.mark.figures
@pytest.mark.parametrize("kind", ToolFormat)
def test_a_hundred_answers_match(real_engine: AsyncEngine, kind: ToolFormat) -> None:
    client = create_app(Config(TOOL_PARSER=kind.value), real_engine).test_client()
    finished = 0
    for number in range(50):
        choice_name = list(CHOICES)[number % len(CHOICES)]
        question = {
            "messages": [{"role": "user", "content": f"{number}月的天气"}],
            "max_tokens": 120,
        }
        finished += finished_calls(client, {**question, "temperature": 0}, choice_name)
        hot = {"temperature": 1.5, "n": 2, "seed": number}
        finished += finished_calls(client, {**question, **hot}, choice_name)
    assert finished >= 50


@pytest.mark.parametrize("kind", [ToolFormat.HERMES, ToolFormat.LLAMA3_JSON])
def test_a_strict_tool_leaves_the_choice_to_the_model(
    real_engine: AsyncEngine, kind: ToolFormat
) -> None:
    client = create_app(Config(TOOL_PARSER=kind.value), real_engine).test_client()
    strict = [{**tool, "function": {**tool["function"], "strict": True}} for tool in TOOLS]  # type: ignore[dict-item]
    body = {"messages": [USER], "tools": strict, "max_tokens": 30, "temperature": 0}
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    assert response.headers.get("X-Ignored-Parameters") is None
    free = client.post("/v1/chat/completions", json={**body, "tools": TOOLS}).get_json()
    assert response.get_json()["choices"] == free["choices"]
    assert free["choices"][0]["message"]["content"]


@pytest.mark.parametrize("kind", [ToolFormat.HERMES, ToolFormat.JSON])
def test_an_answer_is_calls_or_matches_its_schema(
    real_engine: AsyncEngine, kind: ToolFormat
) -> None:
    client = create_app(Config(TOOL_PARSER=kind.value), real_engine).test_client()
    schema = {
        "type": "object",
        "properties": {"name": {"enum": ["get", "x"]}, "sum": {"type": "integer", "maximum": 9}},
        "required": ["name", "sum"],
        "additionalProperties": False,
    }
    described = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    fields = {"response_format": described, "temperature": 1.5, "seed": 3, "n": 4}
    body = {"messages": [USER], "tools": TOOLS, "max_tokens": 60, **fields}
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    for choice in response.get_json()["choices"]:
        message, reason = choice["message"], choice["finish_reason"]
        assert message["content"] or calls_in(choice) or reason == "length"
        if reason == "stop":
            jsonschema.validate(json.loads(message["content"]), schema)
        if reason == "tool_calls":
            assert all(isinstance(json.loads(text), dict) for _, text in calls_in(choice))
    required = {**body, "tool_choice": "required", "parallel_tool_calls": False, "n": 1}
    (choice,) = client.post("/v1/chat/completions", json=required).get_json()["choices"]
    assert choice["message"]["content"] is None or choice["finish_reason"] == "length"
    assert calls_in(choice)


def test_a_schema_that_cannot_be_kept_is_refused(real_engine: AsyncEngine) -> None:
    client = create_app(Config(), real_engine).test_client()
    parameters = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    body = {"messages": [USER], "tools": [tool], "max_tokens": 3}
    for fields in (
        {"tool_choice": "required"},
        {"tools": [{**tool, "function": {**tool["function"], "strict": True}}]},
    ):  # type: ignore[dict-item]
        response = client.post("/v1/chat/completions", json={**body, **fields})
        assert response.status_code == 400, response.text
        assert response.get_json()["error"]["param"] == "tools"
    assert client.post("/v1/chat/completions", json=body).status_code == 200
