"""The events of /v1/messages: their order, what comes before the model answers, and that they add
up to the whole answer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.engine.events import Progress
from config import Config
from tests.api.test_messages import CALL, ROUTE, TOOL, USER
from tests.api.test_reasoning import QWEN3
from tests.fakes import INFO, ScriptedEngine
from tests.message_events import added_up
from tests.named_events import read_named_events

BODY: dict[str, Any] = {"messages": [USER], "max_tokens": 900}
BROKEN = '<tool_call>\n{"name": "f", "arguments": {"a": "print("杭")"}}\n</tool_call>'


@pytest.fixture(scope="module")
def thinker() -> tuple[ScriptedEngine, FlaskClient]:
    """One for many answers."""
    engine = ScriptedEngine(info_=replace(INFO, chat_template=QWEN3))
    return engine, create_app(Config(), engine).test_client()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 400])
@pytest.mark.parametrize(
    ("answer", "kinds"),
    [
        ("答案 😀。", "text"),
        ("", "text"),
        ("<think>\n想\n</think>\n\n答", "thinking text"),
        (
            f"<think>\n想\n</think>\n\n答\n{CALL}{CALL}\n完",
            "thinking text tool_use tool_use text",
        ),
        (f"{CALL}", "tool_use"),
        ("<think>\n没有结尾", "thinking"),
        (BROKEN, "tool_use"),
    ],
)
def test_streamed_is_whole(
    thinker: tuple[ScriptedEngine, FlaskClient], size: int, answer: str, kinds: str
) -> None:
    engine, client = thinker
    engine.answer, engine.bytes_per_event = (lambda request, index: answer), size
    for fields in ({}, {"stop_sequences": ["杭", "完"]}, {"max_tokens": 70}, {"max_tokens": 5}):
        body = {**BODY, "tools": [TOOL], **fields}
        whole = client.post(ROUTE, json=body).get_json()
        events = read_named_events(client.post(ROUTE, json={**body, "stream": True}).data)
        streamed = added_up(events)
        assert _without_ids(streamed) == _without_ids(whole)
        if not fields:
            assert [block["type"] for block in whole["content"]] == kinds.split()


def test_a_broken_call_is_not_taken_for_a_whole_one(
    thinker: tuple[ScriptedEngine, FlaskClient],
) -> None:
    engine, client = thinker
    engine.answer = lambda request, index: BROKEN
    (block,) = client.post(ROUTE, json={**BODY, "tools": [TOOL]}).get_json()["content"]
    assert block["input"] == {"a": "print(", "INVALID_JSON": '杭")"}}'}


def test_it_begins_before_the_model_answers(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.first_delay_s = 60.0
    with client.post(ROUTE, json={**BODY, "stream": True}, buffered=False) as response:
        first = next(iter(response.response))
        assert isinstance(first, bytes)
        start, ping = read_named_events(first)
    assert ping == {"type": "ping"} and start["type"] == "message_start"
    message = start["message"]
    assert message["content"] == [] and message["stop_reason"] is None
    assert message["usage"]["input_tokens"] == engine.handles[0].prompt_tokens
    assert engine.handles[0].end == "cancelled", "left by the client"


def test_pings_are_events(
    client: FlaskClient, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.sse.PING_AFTER_S", 0.0)
    engine.progress = (Progress(queued=2), Progress(queued=1))
    events = read_named_events(client.post(ROUTE, json={**BODY, "stream": True}).data)
    kinds = [event["type"] for event in events]
    assert kinds.count("ping") >= 2 and kinds[-1] == "message_stop"


def test_the_usage_at_the_end_knows_what_was_cached(
    client: FlaskClient, engine: ScriptedEngine
) -> None:
    engine.cached_tokens = 9
    events = read_named_events(client.post(ROUTE, json={**BODY, "stream": True}).data)
    tokens = engine.handles[0].prompt_tokens
    end = next(event for event in events if event["type"] == "message_delta")
    assert end["usage"]["input_tokens"] == tokens - 9
    assert end["usage"]["cache_read_input_tokens"] == 9


def _without_ids(message: dict[str, Any]) -> str:
    content = [{k: v for k, v in block.items() if k != "id"} for block in message["content"]]
    return json.dumps({**message, "id": "", "content": content})
