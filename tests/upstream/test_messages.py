"""/v1/messages over an upstream: a translation onto its chat route, and its answer as blocks."""

from __future__ import annotations

import json
from typing import Any

from tests.harness.scripted_upstream import ScriptedUpstream, Wire
from tests.message_events import added_up
from tests.named_events import read_named_events
from tests.upstream.conftest import Front
from tests.upstream.test_responses import calling

TOOL = {"name": "f", "input_schema": {"type": "object"}}
ASKED: dict[str, Any] = {
    "messages": [{"role": "user", "content": "天气？"}],
    "tools": [TOOL],
    "max_tokens": 99,
}


def test_a_loop(front: Front, upstream: ScriptedUpstream) -> None:
    upstream.script = calling
    whole = front.http.post("/v1/messages", json={**ASKED, "system": "短"}).get_json()
    assert [turn["role"] for turn in upstream.last.body["messages"]] == ["system", "user"]
    assert [block["type"] for block in whole["content"]] == ["thinking", "text", "tool_use"]
    call = whole["content"][2]
    assert (call["id"], call["input"]) == ("call_up", {"city": "杭州"})
    assert whole["stop_reason"] == "tool_use"
    usage = whole["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (4, 5)
    streamed = front.http.post("/v1/messages", json={**ASKED, "stream": True}).data
    found = added_up(read_named_events(streamed))
    assert {**found, "id": ""} == {**whole, "id": ""}, "the ids of calls are the upstream's"
    result = {"type": "tool_result", "tool_use_id": "call_up", "content": "晴"}
    turns = [{"role": "assistant", "content": whole["content"]}]
    turns.append({"role": "user", "content": [result]})
    front.http.post("/v1/messages", json={**ASKED, "messages": [*ASKED["messages"], *turns]})
    _, turn, sent = upstream.last.body["messages"]
    assert turn["content"] == "查。" and sent["tool_call_id"] == "call_up"
    assert json.loads(turn["tool_calls"][0]["function"]["arguments"]) == {"city": "杭州"}


def test_which_stop_sequence(front: Front, upstream: ScriptedUpstream) -> None:
    def script(wire: Wire) -> None:
        wire.head()
        wire.chunk(content="一")
        choice = {"index": 0, "delta": {}, "finish_reason": "stop", "stop_reason": "二"}
        wire.event({"choices": [choice]})
        wire.usage(7, 1)
        wire.raw(b"data: [DONE]\n\n")

    upstream.script = script
    body = {**ASKED, "tools": [], "stop_sequences": ["三", "二"]}
    answer = front.http.post("/v1/messages", json=body).get_json()
    assert upstream.last.body["stop"] == ["三", "二"]
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "二")


def test_failures_are_in_anthropics_shape(front: Front, upstream: ScriptedUpstream) -> None:
    words = "This model's maximum context length is 9 tokens."
    refusal = {"error": {"message": words, "param": "messages"}}
    upstream.script = lambda wire: wire.json(400, refusal)
    refused = front.http.post("/v1/messages", json=ASKED)
    error = refused.get_json()["error"]
    assert refused.status_code == 400 and error["type"] == "invalid_request_error"
    assert "maximum context length" in error["message"]

    def broken(wire: Wire) -> None:
        wire.head()
        wire.chunk(content="一")
        wire.reset()

    upstream.script = broken
    body = {**ASKED, "tools": [], "stream": True}
    events = read_named_events(front.http.post("/v1/messages", json=body).data)
    assert events[0]["type"] == "message_start" and events[-1]["type"] == "error"
