"""`min_tokens` and `stop_token_ids` over llama-server, which has neither; unknown tokens; seeds."""

from __future__ import annotations

from typing import Any

import pytest

from app.upstream.sampling_fields import short_seed
from tests.harness.client import CHAT, COMPLETIONS
from tests.harness.scripted_upstream import ScriptedUpstream, Wire
from tests.harness.waiting import wait_until
from tests.upstream.conftest import Front, Over
from tests.upstream.test_answers import chat
from tests.upstream.test_requests import QUESTION


@pytest.fixture
def llama(upstream: ScriptedUpstream, over: Over) -> Front:
    """In front of a llama-server whose end of sequence is token 2."""
    upstream.owned_by = "llamacpp"
    upstream.tokens = [2]
    upstream.props = {"bos_token": "<s>", "eos_token": "</s>", "default_generation_settings": {}}
    upstream.meta = {"n_vocab": 100}
    return over()


def scored(number: int, text: str) -> dict[str, Any]:
    token = {"id": number, "token": text, "bytes": list(text.encode()), "logprob": -1.0}
    return {"content": [{**token, "top_logprobs": [token]}]}


@pytest.mark.parametrize("asked", [{}, {"logprobs": True}])
@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_token_is_found_by_its_id(
    llama: Front, upstream: ScriptedUpstream, asked: dict[str, Any], stream: bool
) -> None:
    def script(wire: Wire) -> None:
        wire.head()
        for count, (number, text) in enumerate([(5, "one"), (6, " two"), (7, " three")], 1):
            choice = {"index": 0, "delta": {"content": text}, "logprobs": scored(number, text)}
            timings = {"cache_n": 4, "prompt_n": 3, "predicted_n": count}
            wire.event({"choices": [choice], "timings": timings})
        wire.wait_closed()

    upstream.script = script
    fields = {**asked, "stop_token_ids": [9, 7], "stop": ["☃"], "stream": stream}
    if stream:
        reply = llama.http.post(CHAT, json={**QUESTION, **fields})
        assert "three" not in reply.text and reply.text.endswith("data: [DONE]\n\n")
        assert ('"token"' in reply.text) is bool(asked)
    else:
        answer = chat(llama, **fields)
        (choice,) = answer["choices"]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("one two", "stop")
        assert answer["usage"]["completion_tokens"] == 3
        assert bool(choice.get("logprobs")) is bool(asked)
    body = upstream.last.body
    assert body["logprobs"] is True and "stop_token_ids" not in body and "stop" not in body
    wait_until(lambda: upstream.last.closed_at is not None)


def test_min_tokens_is_a_grammar(llama: Front, upstream: ScriptedUpstream) -> None:
    llama.http.post(COMPLETIONS, json={"prompt": "a", "min_tokens": 5})
    body = upstream.last.body
    assert body["grammar"] == "root ::= any{5,}\nany ::= !<[2]>" and "min_tokens" not in body
    llama.http.post(COMPLETIONS, json={"prompt": "a", "min_tokens": 5, "stop_token_ids": [7]})
    assert upstream.last.body["grammar"] == "root ::= any{5,}\nany ::= !<[7]>"
    assert upstream.last.body["logprobs"] == 1
    llama.http.post(COMPLETIONS, json={"prompt": "a", "min_tokens": 5, "guided_choice": ["b"]})
    assert upstream.last.body["grammar"] == 'root ::= "b"', "a choice ends with its text"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"min_tokens": 5, "stop_token_ids": [7, 8]}, "min_tokens"),
        ({"min_tokens": 5, "guided_choice": ["a", "ab"]}, "min_tokens"),
        ({"min_tokens": 5, "response_format": {"type": "json_object"}}, "min_tokens"),
        ({"stop_token_ids": [5, 100]}, "stop_token_ids.1"),
        ({"logit_bias": {"100": 1}}, "logit_bias.100"),
    ],
)
def test_what_cannot_be_said_is_refused(
    llama: Front, upstream: ScriptedUpstream, fields: dict[str, Any], param: str
) -> None:
    reply = llama.http.post(CHAT, json={**QUESTION, **fields})
    assert reply.status_code == 400 and reply.json is not None
    assert reply.json["error"]["param"] == param
    assert not upstream.received


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [("logit_bias", {"7": 1, "99": 1}, "logit_bias.99"), ("stop_token_ids", [7, 99],
                                                            "stop_token_ids.1")],
)  # fmt: skip
def test_vllm_names_a_token_that_is_unknown(
    front: Front, upstream: ScriptedUpstream, field: str, value: object, param: str
) -> None:
    error = {"message": f"token_id(s) [99] in {field} are out of vocabulary", "param": field}
    upstream.script = lambda wire: wire.json(400, {"error": error})
    reply = front.http.post(CHAT, json={**QUESTION, field: value})
    assert reply.status_code == 400 and reply.json is not None
    assert reply.json["error"]["param"] == param


def test_seeds_of_32_bits(front: Front, upstream: ScriptedUpstream) -> None:
    seeds = [0, 1, 2**32 - 1, 2**32, -1, -(2**63), 2**63 - 1]
    for seed in seeds:
        chat(front, seed=seed)
    sent = [wire.body["seed"] for wire in upstream.received]
    assert sent == [short_seed(seed) for seed in seeds] and sent[:2] == [0, 1]
    assert len(set(sent)) == len(seeds) and all(0 <= seed < 2**32 - 1 for seed in sent)


def test_calls_that_are_demanded_need_a_template_with_tools(
    upstream: ScriptedUpstream, over: Over
) -> None:
    """llama-server would answer in text."""
    upstream.owned_by = "llamacpp"
    upstream.props = {"chat_template_caps": {"supports_tool_calls": False}}
    tools = [{"type": "function", "function": {"name": "now"}}]
    front = over()
    reply = front.http.post(CHAT, json={**QUESTION, "tools": tools, "tool_choice": "required"})
    assert reply.status_code == 400 and reply.json is not None
    assert reply.json["error"]["param"] == "tool_choice"
    assert not upstream.received
    chat(front, tools=tools)
    assert upstream.last.body["tool_choice"] == "auto"


def test_tokens_without_bos_and_the_space_before_a_text(
    upstream: ScriptedUpstream, over: Over
) -> None:
    """llama-server's text of tokens has both; a template that writes no BOS is sent as tokens,
    because its /completions adds one to a text."""
    upstream.owned_by = "llamacpp"
    upstream.tokens = [1]
    upstream.props = {"bos_token": "<s>", "eos_token": "</s>"}
    upstream.meta = {"vocab_type": 1}
    upstream.texts = {300: " Hello"}
    front = over(CHAT_TEMPLATE="chatml")
    reply = front.http.post("/detokenize", json={"tokens": [1, 300]})
    assert reply.json == {"prompt": "Hello"}
    front.http.post(CHAT, json=QUESTION)
    assert upstream.last.body["prompt"] == [1]
    front.http.post(COMPLETIONS, json={"prompt": [1, 300], "echo": True, "max_tokens": 0})
    assert upstream.last.body["prompt"] == [1, 300] and "echo" not in upstream.last.body
