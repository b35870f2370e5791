"""num_beams on both text routes: what reaches the engine, and what beams do not go with."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.engine.request import GenerationRequest
from tests.fakes import ScriptedEngine

COMPLETION = ("/v1/completions", {"prompt": "你好"})
CHAT = ("/v1/chat/completions", {"messages": [{"role": "user", "content": "你好"}]})
CLASSIC = ("/v1/chat/completions", {"messages": [{"role": "user", "message": "你好"}]})
ROUTES = pytest.mark.parametrize(
    ("route", "body"), [COMPLETION, CHAT, CLASSIC], ids=["completion", "chat", "classic"]
)


@ROUTES
@pytest.mark.parametrize(
    ("fields", "samples"),
    [
        ({}, True),
        ({"do_sample": True, "temperature": 1.5}, True),
        ({"do_sample": False}, False),
        ({"temperature": 0}, False),
        ({"top_p": 0}, False),
    ],
)
def test_search_or_sampling(
    client: FlaskClient,
    engine: ScriptedEngine,
    route: str,
    body: dict[str, Any],
    fields: dict[str, Any],
    samples: bool,
) -> None:
    for beams, n in ((1, 1), (4, 1), (16, 8)):
        answer = client.post(route, json={**body, **fields, "num_beams": beams, "n": n})
        assert answer.status_code == 200, answer.text
        request = engine.requests[-1]
        assert isinstance(request, GenerationRequest)
        assert (request.num_beams, request.n) == (beams, n)
        assert request.params.greedy is not samples


@ROUTES
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"num_beams": 0}, "num_beams"),
        ({"num_beams": 17}, "num_beams"),
        ({"num_beams": 2, "n": 3}, "n"),
    ],
)
def test_refusals(
    client: FlaskClient, route: str, body: dict[str, Any], fields: dict[str, Any], field: str
) -> None:
    answer = client.post(route, json={**body, **fields})
    assert answer.status_code == 400
    assert answer.get_json()["error"]["param"] == field


@pytest.mark.parametrize(
    ("target", "fields", "field"),
    [
        (COMPLETION, {"logprobs": 1}, "logprobs"),
        (COMPLETION, {"logprobs": 0, "echo": True}, "logprobs"),
        (COMPLETION, {"best_of": 2}, "best_of"),
        (CHAT, {"logprobs": True}, "logprobs"),
        (CHAT, {"response_format": {"type": "json_object"}}, "response_format"),
        (CHAT, {"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        (CHAT, {"logprobs": True, "top_logprobs": 2}, "logprobs"),
    ],
)
def test_what_does_not_go_with_beams(
    client: FlaskClient, target: tuple[str, dict[str, Any]], fields: dict[str, Any], field: str
) -> None:
    answer = client.post(target[0], json={**target[1], **fields, "num_beams": 2})
    assert answer.status_code == 400
    assert answer.get_json()["error"]["param"].split(".")[0] == field


def test_echo_alone_does(client: FlaskClient) -> None:
    answer = client.post("/v1/completions", json={"prompt": "你好", "echo": True, "num_beams": 2})
    assert answer.status_code == 200
