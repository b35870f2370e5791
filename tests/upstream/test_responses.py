"""/v1/responses over an upstream: a translation onto its chat route, and its answer as items."""

from __future__ import annotations

from typing import Any

from app.api.responses.response_schema import ResponseBody
from tests.api.test_responses import read, same
from tests.harness.scripted_upstream import ScriptedUpstream, Wire
from tests.upstream.conftest import Front

TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}
ARGUMENTS = '{"city":"杭州"}'


def calling(wire: Wire) -> None:
    """Thinking, a text and a call."""
    wire.head()
    wire.chunk(role="assistant", reasoning_content="想")
    wire.chunk(content="查。")
    function = {"name": "f", "arguments": ""}
    call: dict[str, Any] = {"index": 0, "id": "call_up", "type": "function", "function": function}
    wire.chunk(tool_calls=[call])
    wire.chunk(tool_calls=[{"index": 0, "function": {"arguments": ARGUMENTS}}])
    wire.chunk(reason="tool_calls")
    wire.usage(9, 4, prompt_tokens_details={"cached_tokens": 5})
    wire.raw(b"data: [DONE]\n\n")


def test_a_loop(front: Front, upstream: ScriptedUpstream) -> None:
    upstream.script = calling
    asked: dict[str, Any] = {"input": [{"role": "user", "content": "天气？"}], "tools": [TOOL]}
    whole = front.http.post("/v1/responses", json=asked).get_json()
    ResponseBody().load(whole)
    reasoning, message, call = whole["output"]
    assert reasoning["content"][0]["text"] == "想" and message["content"][0]["text"] == "查。"
    assert (call["call_id"], call["arguments"]) == ("call_up", ARGUMENTS)
    assert whole["usage"]["input_tokens_details"]["cached_tokens"] == 5
    events = read(front.http.post("/v1/responses", json={**asked, "stream": True}).text)
    assert same(events[-1]["response"]) == same(whole)
    output = {"type": "function_call_output", "call_id": "call_up", "output": "晴"}
    references = [{"type": "item_reference", "id": item["id"]} for item in whole["output"]]
    for items in (whole["output"], references):
        turns = [*asked["input"], *items, output]
        front.http.post("/v1/responses", json={**asked, "input": turns})
        _, turn, result = upstream.last.body["messages"]
        assert turn["content"] == "查。" and result["tool_call_id"] == "call_up"
        assert turn["tool_calls"][0]["function"]["arguments"] == ARGUMENTS, "as it was written"


def test_a_refusal_is_in_our_terms(front: Front, upstream: ScriptedUpstream) -> None:
    words = "This model's maximum context length is 9 tokens."
    upstream.script = lambda wire: wire.json(
        400, {"error": {"message": words, "param": "messages"}}
    )
    refused = front.http.post("/v1/responses", json={"input": "a"})
    error = refused.get_json()["error"]
    assert refused.status_code == 400 and error["param"] == "input"
    assert error["code"] == "context_length_exceeded"


def test_truncation(front: Front, upstream: ScriptedUpstream) -> None:
    """By what the upstream takes, where it counts no tokens."""

    def script(wire: Wire) -> None:
        if len(wire.body["messages"]) > 2:
            wire.json(400, {"error": {"message": "maximum context length", "param": "messages"}})
        else:
            wire.text("好")

    upstream.script = script
    items = [{"role": "user", "content": str(turn)} for turn in range(5)]
    answer = front.http.post("/v1/responses", json={"input": items, "truncation": "auto"})
    assert answer.status_code == 200, answer.text
    assert [turn["content"] for turn in upstream.last.body["messages"]] == ["3", "4"]
