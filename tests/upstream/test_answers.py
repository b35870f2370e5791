"""An upstream's answers: text, thinking, tool calls, logprobs, echoes, usage, white space."""

from __future__ import annotations

from typing import Any

import pytest

from tests.event_stream import read_events
from tests.harness.client import CHAT, COMPLETIONS
from tests.harness.scripted_upstream import ScriptedUpstream, Wire
from tests.upstream.conftest import Front, Over
from tests.upstream.test_requests import QUESTION


def chat(front: Front, **fields: object) -> dict[str, Any]:
    """A whole answer."""
    reply = front.http.post(CHAT, json={**QUESTION, **fields})
    assert reply.status_code == 200, reply.text
    assert reply.json is not None
    return dict(reply.json)


def streamed(front: Front, path: str = CHAT, **fields: object) -> list[dict[str, Any]]:
    """The chunks of a complete stream."""
    asked = QUESTION if path == CHAT else {"prompt": "a"}
    reply = front.http.post(path, json={**asked, "stream": True, **fields})
    events = read_events(reply.data)
    assert events.done, reply.text
    return events.chunks


def deltas(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]


def test_text_and_usage(front: Front, upstream: ScriptedUpstream) -> None:
    def script(wire: Wire) -> None:
        wire.head()
        wire.chunk(role="assistant", content="")
        wire.chunk(content="你")
        wire.chunk(content="好")
        wire.chunk(reason="length")
        details = {"prompt_tokens_details": {"cached_tokens": 5}}
        wire.usage(9, 2, completion_tokens_details={"reasoning_tokens": 1}, **details)
        wire.raw(b"data: [DONE]\n\n")

    upstream.script = script
    answer = chat(front)
    (choice,) = answer["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("你好", "length")
    assert answer["usage"] == {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    chunks = streamed(front, stream_options={"include_usage": True})
    assert "".join(delta.get("content") or "" for delta in deltas(chunks)) == "你好"
    assert chunks[-1]["usage"] == answer["usage"]
    assert front.settled() == (2, 2, 0, 0)
    stats = front.engine.stats
    assert (stats.prompt_tokens, stats.generation_tokens) == (18, 4)
    assert dict(stats.finished) == {"stop": 0, "length": 2}


def test_a_stream_cut_anywhere(front: Front, upstream: ScriptedUpstream) -> None:
    """Events are whole wherever the network cuts them, with either end of line."""
    body = (
        b": a comment\r\n\r\n"
        b'data: {"choices": [{"index": 0, "delta": {"content": "\xe4\xbd\xa0"}}]}\r\n\r\n'
        b'event: message\ndata:{"choices": [{"index": 0, "delta": {"content": "!"},\n'
        b'data: "finish_reason": "stop"}]}\n\n'
        b"data: [DONE]\n\n"
    )
    for step in (1, 7):

        def script(wire: Wire, step: int = step) -> None:
            wire.head()
            for start in range(0, len(body), step):
                wire.raw(body[start : start + step])

        upstream.script = script
        assert chat(front)["choices"][0]["message"]["content"] == "你!"


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thinking(front: Front, upstream: ScriptedUpstream, name: str) -> None:
    def script(wire: Wire) -> None:
        wire.head()
        wire.chunk(**{name: "Let me "})
        wire.chunk(**{name: "see."})
        wire.chunk(content="\n\nYes.")
        wire.chunk(reason="stop")
        wire.raw(b"data: [DONE]\n\n")

    upstream.script = script
    message = chat(front)["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("Let me see.", "Yes.")


def test_tool_calls(front: Front, upstream: ScriptedUpstream) -> None:
    def call(index: int, **piece: Any) -> dict[str, Any]:
        return {"tool_calls": [{"index": index, **piece}]}

    def script(wire: Wire) -> None:
        wire.head()
        wire.chunk(content="Wait. ")
        wire.chunk(**call(0, id="id-1", function={"name": "weather", "arguments": ""}))
        wire.chunk(**call(0, function={"arguments": '{"city": '}))
        wire.chunk(**call(0, function={"arguments": '"杭州"}'}))
        wire.chunk(**call(1, id="id-2", function={"name": "time", "arguments": "{}"}))
        wire.chunk(reason="tool_calls")
        wire.raw(b"data: [DONE]\n\n")

    upstream.script = script
    tools = [
        {"type": "function", "function": {"name": name, "strict": True}}
        for name in ("weather", "time")
    ]
    (choice,) = chat(front, tools=tools, tool_choice="required")["choices"]
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] == "Wait. "
    assert [
        (call["id"], call["function"]["name"], call["function"]["arguments"])
        for call in choice["message"]["tool_calls"]
    ] == [("id-1", "weather", '{"city": "杭州"}'), ("id-2", "time", "{}")]
    body = upstream.last.body
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("required", True)
    assert [tool["function"]["strict"] for tool in body["tools"]] == [True, True]
    pieces = [piece for delta in deltas(streamed(front, tools=tools)) for piece in
              delta.get("tool_calls", ())]  # fmt: skip
    assert [piece.get("id") for piece in pieces] == ["id-1", None, None, "id-2", None]
    named = {"type": "function", "function": {"name": "time"}}
    chat(front, tools=tools, tool_choice=named)
    assert upstream.last.body["tool_choice"] == named
    assert len(upstream.last.body["tools"]) == 1
    chat(front, tools=tools, tool_choice="none")
    assert "tools" not in upstream.last.body
    assert front.engine.ledger.tool_calls.parsed == 8


def test_logprobs_of_a_chat(front: Front, upstream: ScriptedUpstream) -> None:
    entry = {"token": "Hi", "bytes": [72, 105], "logprob": -0.25}
    part = {"token": "\ufffd", "bytes": [0xE4], "logprob": -9999.0}
    special = {"token": "</s>", "bytes": None, "logprob": -1.5}

    def script(wire: Wire) -> None:
        wire.head()
        logprobs = {"content": [{**entry, "top_logprobs": [entry, part, special]}]}
        choice = {"index": 0, "delta": {"content": "Hi"}, "logprobs": logprobs}
        wire.event({"choices": [choice]})
        wire.chunk(reason="stop")
        wire.raw(b"data: [DONE]\n\n")

    upstream.script = script
    answer = chat(front, logprobs=True, top_logprobs=3)
    assert (upstream.last.body["logprobs"], upstream.last.body["top_logprobs"]) == (True, 3)
    (scored,) = answer["choices"][0]["logprobs"]["content"]
    assert {name: scored[name] for name in entry} == entry
    assert scored["top_logprobs"] == [entry, {**part, "token": "\\xe4"}, special]


def completion(wire: Wire, *choices: dict[str, Any]) -> None:
    """A whole stream of completions' choices."""
    wire.head()
    for choice in choices:
        wire.event({"choices": [{"index": 0, "finish_reason": None, **choice}]})
    wire.raw(b"data: [DONE]\n\n")


def test_a_scored_prompt(front: Front, upstream: ScriptedUpstream) -> None:
    """vLLM sends the echoed prompt and the first text as one."""
    scores = {
        "tokens": ["<s>", "On", "ce", " a"],
        "token_logprobs": [None, -1.0, -2.0, -3.0],
        "top_logprobs": [None, {"On": -1.0}, {"ce": -2.0}, {" a": -3.0, "!": -4.0}],
        "text_offset": [0, 0, 2, 4],
    }
    upstream.script = lambda wire: completion(
        wire, {"text": "Once a", "logprobs": scores}, {"text": "", "finish_reason": "length"}
    )
    fields = {"prompt": "Once", "echo": True, "logprobs": 2, "max_tokens": 1}
    reply = front.http.post(COMPLETIONS, json=fields)
    assert reply.json is not None
    (choice,) = reply.json["choices"]
    assert (choice["text"], choice["logprobs"]) == ("Once a", scores)
    assert (upstream.last.body["echo"], upstream.last.body["logprobs"]) == (True, 2)
    assert upstream.last.body["prompt"] == "Once"


def test_an_echo_of_ours(front: Front, upstream: ScriptedUpstream) -> None:
    upstream.script = lambda wire: completion(
        wire, {"text": " lake"}, {"text": "", "finish_reason": "stop"}
    )
    fields = {"prompt": "A", "echo": True, "prompt_template": "none"}
    reply = front.http.post(COMPLETIONS, json=fields)
    assert reply.json is not None and reply.json["choices"][0]["text"] == "A lake"
    assert "echo" not in upstream.last.body
    chunks = streamed(front, COMPLETIONS, **fields)
    assert [c["text"] for chunk in chunks for c in chunk["choices"]] == ["A", " lake", ""]


def test_white_space_after_a_template(front: Front, upstream: ScriptedUpstream) -> None:
    scores = {"tokens": [" ", "\n", " Yes"], "token_logprobs": [-1.0, -1.0, -1.0]}
    upstream.script = lambda wire: completion(
        wire,
        {"text": " \n Yes", "logprobs": {**scores, "text_offset": [0, 1, 2]}},
        {"text": " ", "finish_reason": "stop"},
    )
    reply = front.http.post(COMPLETIONS, json={"prompt": "Well?", "logprobs": 0})
    assert reply.json is not None
    (choice,) = reply.json["choices"]
    assert choice["text"] == "Yes " and choice["logprobs"]["text_offset"] == [0, 0, 0]
    reply = front.http.post(COMPLETIONS, json={"prompt": "Well?", "prompt_template": "none"})
    assert reply.json is not None and reply.json["choices"][0]["text"] == " \n Yes "


def test_several_choices(front: Front, upstream: ScriptedUpstream) -> None:
    def script(wire: Wire) -> None:
        wire.head()
        for index in (1, 0):
            wire.chunk(index, content=f"answer {index}")
            wire.chunk(index, reason="stop")
        wire.raw(b"data: [DONE]\n\n")

    upstream.script = script
    assert [choice["message"]["content"] for choice in chat(front, n=2)["choices"]] == [
        "answer 0",
        "answer 1",
    ]


def test_names(upstream: ScriptedUpstream, over: Over) -> None:
    """The upstream's names; --model_name is one more of its first model."""
    upstream.models = ("base", "an-adapter")
    front = over(MODEL_NAME="ours", MODEL_ALIAS=("gpt-4o",))
    listed = front.http.get("/v1/models").json
    assert listed is not None
    assert [m["id"] for m in listed["data"]] == ["ours", "base", "gpt-4o", "an-adapter"]
    for name, theirs, told in (
        ("ours", "base", "ours"),
        ("gpt-4o", "base", "ours"),
        ("chinese-llama-alpaca", "base", "ours"),
        ("an-adapter", "an-adapter", "an-adapter"),
    ):
        assert chat(front, model=name)["model"] == told
        assert upstream.last.body["model"] == theirs
        asked = {**QUESTION, "model": name, "max_tokens": 9}
        assert (front.http.post("/v1/messages", json=asked).json or {})["model"] == told
    reply = front.http.post(CHAT, json={**QUESTION, "model": "gpt-5"})
    assert reply.status_code == 404


def test_tokens(upstream: ScriptedUpstream, over: Over) -> None:
    upstream.tokens = (1, 2, 3)
    front = over()
    reply = front.http.post("/tokenize", json={"prompt": "a", "prompt_template": "none"})
    expected = {"tokens": [1, 2, 3], "count": 3, "max_model_len": 4096, "prompt": "a"}
    assert reply.json == expected
    upstream.tokens = None
    reply = front.http.post("/tokenize", json={"prompt": "a"})
    assert reply.status_code == 501
    assert reply.json is not None and "/tokenize" in reply.json["error"]["message"]
    assert front.http.post("/detokenize", json={"tokens": [1]}).status_code == 501


def test_the_page_names_the_upstream(front: Front) -> None:
    page = front.http.get("/").text
    assert "org/model-7b" in page and "vLLM 0.32.0" in page and "models/demo" not in page
