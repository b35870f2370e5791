"""Where upstreams do otherwise than this server: stop strings, EOS among logprobs, several
choices, refusals in a stream that has begun."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.client import CHAT, COMPLETIONS
from tests.harness.scripted_upstream import ScriptedUpstream, Wire
from tests.harness.waiting import wait_until
from tests.upstream.conftest import Front, Over
from tests.upstream.test_answers import chat, streamed
from tests.upstream.test_requests import QUESTION


def test_the_stop_string_that_begins_first(front: Front, upstream: ScriptedUpstream) -> None:
    """Both are complete with one token, and vLLM cuts at the one that stands first in the list."""
    upstream.script = lambda wire: wire.text("We like ", "tea and")
    answer = chat(front, stop=["a and", "tea"])
    body = upstream.last.body
    assert (body["stop"], body["include_stop_str_in_output"]) == (["a and", "tea"], True)
    (choice,) = answer["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("We like ", "stop")


@pytest.mark.parametrize("owner", ["vllm", "llamacpp"])
def test_a_stop_string_within_another(upstream: ScriptedUpstream, over: Over, owner: str) -> None:
    """The upstream would stop at the shorter one while the longer one may still come true, so it
    is told of neither, and its connection is closed at the cut."""
    upstream.owned_by = owner
    front = over()

    def script(wire: Wire) -> None:
        wire.head()
        for count, piece in enumerate(("one ", "two ", "three ", "four"), 1):
            told = {"choices": [{"index": 0, "delta": {"content": piece}}]}
            counts: dict[str, Any] = {"usage": {"prompt_tokens": 7, "completion_tokens": count}}
            if owner == "llamacpp":
                counts = {"timings": {"cache_n": 4, "prompt_n": 3, "predicted_n": count}}
            wire.event({**told, **counts})
        wire.wait_closed()

    upstream.script = script
    answer = chat(front, stop=["wo", "two three"])
    assert "stop" not in upstream.last.body
    (choice,) = answer["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("one ", "stop")
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (7, 3)
    assert front.settled() == (1, 1, 0, 0)
    wait_until(lambda: upstream.last.closed_at is not None)


def test_tokens_that_are_not_in_the_text_have_no_logprobs(
    front: Front, upstream: ScriptedUpstream
) -> None:
    """vLLM tells the end of sequence, and what a stop string has cut off."""

    def scored(token: str) -> dict[str, Any]:
        return {"token": token, "bytes": list(token.encode()), "logprob": -1.0, "top_logprobs": []}

    def script(wire: Wire) -> None:
        wire.head()
        for piece, tokens in (("", ["He"]), ("Hello", ["llo"]), ("!", ["!"])):
            content = [scored(token) for token in tokens]
            choice = {"index": 0, "delta": {"content": piece}, "logprobs": {"content": content}}
            wire.event({"choices": [choice]})
        last: dict[str, Any] = {"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}
        wire.event({"choices": [{**last, "logprobs": {"content": [scored("</s>")]}}]})
        wire.raw(b"data: [DONE]\n\n")

    upstream.script = script
    for stop, names in (([], ["He", "llo", "!"]), (["lo!"], ["He", "llo"])):
        (choice,) = chat(front, logprobs=True, stop=stop)["choices"]
        assert [each["token"] for each in choice["logprobs"]["content"]] == names


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
@pytest.mark.parametrize("stream", [True, False])
def test_a_refusal_in_the_first_event(
    front: Front, upstream: ScriptedUpstream, path: str, stream: bool
) -> None:
    """vLLM begins the stream before it looks at some fields."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.event(
            {"error": {"message": "token 9 is no token", "param": "logit_bias", "code": 400}}
        )
        wire.raw(b"data: [DONE]\n\n")

    upstream.script = script
    asked = QUESTION if path == CHAT else {"prompt": "a"}
    reply = front.http.post(path, json={**asked, "stream": stream, "logit_bias": {"9": 1}})
    assert reply.status_code == 400 and reply.json is not None
    error = reply.json["error"]
    assert (error["message"], error["param"]) == ("token 9 is no token", "logit_bias")
    assert front.settled() == (1, 1, 0, 0)


def test_greedy_choices(front: Front, upstream: ScriptedUpstream) -> None:
    """vLLM refuses several of them, and takes the likeliest of one token."""

    def script(wire: Wire) -> None:
        wire.head()
        for index in (0, 1):
            wire.chunk(index, content="Hi")
            wire.chunk(index, reason="stop")
        wire.raw(b"data: [DONE]\n\n")

    upstream.script = script
    assert len(chat(front, n=2, temperature=0)["choices"]) == 2
    body = upstream.last.body
    assert (body["temperature"], body["top_k"], body["n"]) == (1.0, 1, 2)


def test_llama_server_is_asked_for_one_choice_at_a_time(
    upstream: ScriptedUpstream, over: Over
) -> None:
    """Its answers to several prompts are no chunks, and its usage is the last choice's."""
    upstream.owned_by = "llamacpp"
    upstream.script = lambda wire: wire.text(f"{wire.body['prompt']}{wire.body['seed']}", "!")
    front = over()
    asked: dict[str, Any] = {"prompt": ["a", "b"], "prompt_template": "none", "n": 2, "seed": 5}
    reply = front.http.post(COMPLETIONS, json=asked)
    assert reply.status_code == 200 and reply.json is not None, reply.text
    answer = reply.json
    assert [each["text"] for each in answer["choices"]] == ["a5!", "a6!", "b5!", "b6!"]
    assert answer["usage"]["prompt_tokens"] == 2 * 7
    assert answer["usage"]["completion_tokens"] == 4 * 2
    assert {wire.body["n"] for wire in upstream.received} == {1}
    chunks = streamed(front, COMPLETIONS, **asked)
    texts = ["", "", "", ""]
    for chunk in chunks:
        for choice in chunk["choices"]:
            texts[choice["index"]] += choice["text"]
    assert texts == ["a5!", "a6!", "b5!", "b6!"]
    upstream.script = lambda wire: wire.json(400, {"error": {"message": "no", "code": 400}})
    assert front.http.post(COMPLETIONS, json=asked).status_code == 400
    assert front.settled() == (3, 3, 0, 0)


def test_llama_server_scores_with_one_alternative(upstream: ScriptedUpstream, over: Over) -> None:
    """With none it would tell no logprobs at all."""
    upstream.owned_by = "llamacpp"
    front = over()
    entry = {"token": "Hi", "bytes": [72, 105], "logprob": -0.25}

    def script(wire: Wire) -> None:
        wire.head()
        logprobs = {"content": [{**entry, "top_logprobs": [entry]}]}
        choice = {"index": 0, "delta": {"content": "Hi"}, "logprobs": logprobs}
        wire.event({"choices": [choice]})
        wire.chunk(reason="stop")
        wire.raw(b"data: [DONE]\n\n")

    upstream.script = script
    (choice,) = chat(front, logprobs=True)["choices"]
    assert upstream.last.body["top_logprobs"] == 1
    (scored,) = choice["logprobs"]["content"]
    assert (scored["token"], scored["top_logprobs"]) == ("Hi", [])


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def call(name: str | None, arguments: str) -> dict[str, Any]:
    identified = {"id": "chatcmpl-tool-1a"} if name else {}
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"index": 0, "function": function, **identified}]}


def test_the_only_call_ends_the_answer(front: Front, upstream: ScriptedUpstream) -> None:
    """vLLM lets the model write further ones, and tells none of them."""

    def script(wire: Wire) -> None:
        wire.head()
        for count, piece in enumerate(('{"a": {', '"b": 1}', "}"), 1):
            told = {"choices": [{"index": 0, "delta": call(None if count > 1 else "f", piece)}]}
            wire.event({**told, "usage": {"prompt_tokens": 7, "completion_tokens": count}})
        wire.wait_closed()

    upstream.script = script
    fields = {"tool_choice": "required", "parallel_tool_calls": False}
    answer = chat(front, tools=[tool("f"), tool("g")], **fields)
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "tool_calls" and answer["usage"]["completion_tokens"] == 3
    (made,) = choice["message"]["tool_calls"]
    assert made["function"] == {"name": "f", "arguments": '{"a": {"b": 1}}'}
    assert made["id"] == "call_1a"
    wait_until(lambda: upstream.last.closed_at is not None)


def test_a_call_by_name_is_a_call(front: Front, upstream: ScriptedUpstream) -> None:
    """vLLM and OpenAI end it with "stop"."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.chunk(**call("f", "{}"))
        wire.chunk(reason="stop")
        wire.usage(7, 2)
        wire.raw(b"data: [DONE]\n\n")

    upstream.script = script
    (choice,) = chat(front, tools=[tool("f")], tool_choice=tool("f"))["choices"]
    assert choice["finish_reason"] == "tool_calls"


def test_an_echo_of_token_ids(upstream: ScriptedUpstream, over: Over) -> None:
    """vLLM's has the text of BOS, counts it in offsets, and makes a token of `max_tokens` 0."""
    upstream.tokens = [1]
    upstream.texts = {1: "<s>", 300: "help"}
    front = over()

    def script(wire: Wire) -> None:
        wire.head()
        logprobs = {
            "tokens": ["<s>", " help", "x"],
            "token_logprobs": [None, -1.0, -2.0],
            "top_logprobs": [None, {" help": -1.0}, {"x": -2.0}],
            "text_offset": [0, 3, 8],
        }
        wire.chunk(text="<s> helpx", logprobs=logprobs)
        wire.chunk(reason="length", text="")
        wire.usage(2, 1)
        wire.raw(b"data: [DONE]\n\n")

    upstream.script = script
    for max_tokens, text, offsets in ((0, "help", [0, 0]), (1, "helpx", [0, 0, 4])):
        body = {"prompt": [1, 300], "echo": True, "logprobs": 1, "max_tokens": max_tokens}
        reply = front.http.post(COMPLETIONS, json=body)
        assert reply.json is not None
        (choice,) = reply.json["choices"]
        assert (choice["text"], choice["logprobs"]["text_offset"]) == (text, offsets)
        assert reply.json["usage"]["completion_tokens"] == max_tokens
