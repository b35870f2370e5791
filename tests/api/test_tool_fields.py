"""The fields about tools on /v1/chat/completions: what is refused, and what is ignored."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.test_tool_calls import NOW, WEATHER, chat


def _named(name: str) -> dict[str, object]:
    return {"type": "function", "function": {"name": name}}


def _function(**fields: object) -> dict[str, object]:
    return {"type": "function", "function": {"name": "a", **fields}}


def _allowed(**fields: object) -> dict[str, object]:
    return {"tool_choice": {"type": "allowed_tools", "allowed_tools": fields}}


TWICE = {"type": "function", "function": {"name": "now", "description": "other"}}
FAR = [_named("now"), _named("fly")]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{}]}, "tools.0.type"),
        ({"tools": [{"type": "custom", "custom": {"name": "a"}}]}, "tools.0.type"),
        ({"tools": [WEATHER, {"type": "function"}]}, "tools.1.function"),
        ({"tools": [_named("")]}, "tools.0.function.name"),
        ({"tools": [_named("a b")]}, "tools.0.function.name"),
        ({"tools": [_named("a" * 129)]}, "tools.0.function.name"),
        ({"tools": [_function(parameters=[])]}, "tools.0.function.parameters"),
        ({"tools": [_function(strict=1)]}, "tools.0.function.strict"),
        ({"tools": [_function(description=1)]}, "tools.0.function.description"),
        ({"tools": [NOW, TWICE]}, "tools.1.function.name"),
        ({"tools": [_named(f"f{i}") for i in range(129)]}, "tools"),
        ({"tools": [_function(description="a" * 600_000)]}, "tools"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": []}, "tool_choice"),
        ({"tool_choice": {"type": "custom"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.function.name"),
        ({"tool_choice": _named("fly")}, "tool_choice.function.name"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice.allowed_tools"),
        (_allowed(mode="none"), "tool_choice.allowed_tools.mode"),
        (_allowed(mode="auto", tools=[]), "tool_choice.allowed_tools.tools"),
        (_allowed(mode="auto", tools=FAR), "tool_choice.allowed_tools.tools.1.function.name"),
        ({"tools": None, "tool_choice": "required"}, "tool_choice"),
        ({"parallel_tool_calls": 1}, "parallel_tool_calls"),
        ({"num_beams": 2}, "tools"),
        ({"structured_outputs": {"regex": "a"}}, "tools"),
        ({"guided_choice": ["a"]}, "tools"),
    ],
)
def test_refused(client: FlaskClient, fields: dict[str, Any], param: str) -> None:
    response = chat(client, **fields)
    assert response.status_code == 400, response.text
    assert response.get_json()["error"]["param"] == param


@pytest.mark.parametrize(
    ("fields", "ignored"),
    [
        ({}, None),
        ({"parallel_tool_calls": True, "tool_choice": "auto"}, None),
        ({"tools": [NOW, NOW]}, None),
        ({"tools": [{**NOW, "strict": True}]}, "tools.0.strict"),
        ({"tools": [_function(x=1)]}, "tools.0.function.x"),
        ({"tools": [_function(strict=True)]}, None),
        ({"tool_choice": {**_named("now"), "x": 1}}, "tool_choice.x"),
        (
            {"tool_choice": {"type": "function", "function": {"name": "now", "x": 1}}},
            "tool_choice.function.x",
        ),
        (
            _allowed(mode="auto", tools=[{**_named("now"), "x": 1}], y=1),
            "tool_choice.allowed_tools.tools.0.x, tool_choice.allowed_tools.y",
        ),
        ({"response_format": {"type": "json_object"}}, None),
        ({"tool_choice": "none", "guided_choice": ["a"]}, None),
    ],
)
def test_what_is_ignored_is_named(
    client: FlaskClient, fields: dict[str, Any], ignored: str | None
) -> None:
    response = chat(client, **fields)
    assert response.status_code == 200, response.text
    assert response.headers.get("X-Ignored-Parameters") == ignored
