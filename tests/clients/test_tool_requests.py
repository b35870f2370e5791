"""Tools and objects as real clients ask for them, and answers in the shapes that they read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.clients.readers import data_lines
from tests.clients.requests import CHAT
from tests.clients.tool_answers import check_call, joined
from tests.clients.tool_requests import ASKED, OPEN_WEBUI, OPEN_WEBUI_SECOND_TURN, Asked
from tests.fakes import INFO, ScriptedEngine

OBJECT = {"city": "杭州", "is_capital": False}
LONG = replace(INFO, max_model_len=65_536)


@pytest.fixture
def engine() -> ScriptedEngine:
    """With room for many tools: a byte is a token."""
    return ScriptedEngine(info_=LONG)


def choice_of(client: FlaskClient, asked: Asked, **fields: Any) -> dict[str, Any]:
    """The answer's only choice with its `message`; a stream's is put together as clients do."""
    answer = client.post(CHAT, json={**asked.body, **fields})
    assert answer.status_code == 200, answer.text
    assert answer.headers.get("X-Ignored-Parameters") == asked.ignored
    if not asked.fields.get("stream"):
        (choice,) = answer.get_json()["choices"]
        return dict(choice)
    read = data_lines([answer.data])
    assert read.done and read.usage is not None
    return joined([choice for chunk in read.chunks for choice in chunk["choices"]])


def called(name: str) -> str:
    """As a Hermes model calls."""
    body = json.dumps({"name": name, "arguments": OBJECT}, ensure_ascii=False)
    return f"<tool_call>\n{body}\n</tool_call>"


@pytest.mark.parametrize("asked", [*ASKED, OPEN_WEBUI, OPEN_WEBUI_SECOND_TURN], ids=str)
def test_answered(client: FlaskClient, engine: ScriptedEngine, asked: Asked) -> None:
    said = json.dumps(OBJECT) if asked.tool is None else called(asked.tool)
    engine.answer = lambda request, index: said
    choice = choice_of(client, asked)
    if asked.tool is not None:
        assert check_call(choice, asked.tool) == OBJECT
    else:
        assert choice["finish_reason"] == "stop" and "tool_calls" not in choice["message"]
        assert json.loads(choice["message"]["content"]) == OBJECT


@pytest.mark.parametrize(
    "asked", [each for each in (*ASKED, OPEN_WEBUI_SECOND_TURN) if each.text], ids=str
)
def test_a_text_where_nothing_is_demanded(
    client: FlaskClient, engine: ScriptedEngine, asked: Asked
) -> None:
    engine.answer = lambda request, index: "今天晴。"
    choice = choice_of(client, asked)
    assert choice["finish_reason"] == "stop" and "tool_calls" not in choice["message"]
    assert choice["message"]["content"] == "今天晴。"


def test_open_webui_shows_all_its_tools(client: FlaskClient, engine: ScriptedEngine) -> None:
    """36 of them, as long as its own."""
    tools = OPEN_WEBUI.fields["tools"]
    assert len(tools) == 36 and 27_000 < len(json.dumps(tools)) < 28_500
    choice_of(client, OPEN_WEBUI)
    prompt = engine.encoded[-1][0]
    assert all(f'"name": "{tool["function"]["name"]}"' in prompt for tool in tools)
