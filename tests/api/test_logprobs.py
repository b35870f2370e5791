"""Both logprob shapes and echo, whole and streamed, on scripted answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.engine.request import GenerationRequest
from config import Config
from tests.event_stream import read_events
from tests.fakes import BOS, FIRST_BYTE, ScriptedEngine

KEYS = ("tokens", "token_logprobs", "top_logprobs", "text_offset")


def complete(client: FlaskClient, **fields: Any) -> dict[str, Any]:
    response = client.post("/v1/completions", json={"prompt": "你好", **fields})
    assert response.status_code == 200, response.text
    return response.get_json()


def chat(client: FlaskClient, **fields: Any) -> dict[str, Any]:
    response = client.post("/v1/chat/completions", json={"messages": "你好", **fields})
    assert response.status_code == 200, response.text
    return response.get_json()


def joined(client: FlaskClient, route: str, **fields: Any) -> list[dict[str, Any]]:
    """Every choice's logprobs, put together from a stream's chunks."""
    response = client.post(f"/v1/{route}", json={"stream": True, **fields})
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = []
    for chunk in read_events(response.data).chunks:
        for choice in chunk["choices"]:
            while len(found) <= choice["index"]:
                found.append({})
            for key, values in (choice.get("logprobs") or {}).items():
                if values is not None:
                    found[choice["index"]].setdefault(key, []).extend(values)
    return found


def test_completion_shape(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.answer = lambda request, index: "a西b"
    (choice,) = complete(client, logprobs=2)["choices"]
    assert list(choice) == ["index", "text", "finish_reason", "logprobs"]
    logprobs = choice["logprobs"]
    assert tuple(logprobs) == KEYS
    assert logprobs["tokens"] == ["a", "bytes:\\xe8", "bytes:\\xa5", "bytes:\\xbf", "b"]
    assert logprobs["text_offset"] == [0, 1, 1, 1, 2]
    expected = [engine.logprob(FIRST_BYTE + b, 0).logprob for b in "a西b".encode()]
    assert logprobs["token_logprobs"] == expected
    # the two likeliest, and the chosen one besides
    assert logprobs["top_logprobs"][1] == {"a": -0.25, "b": -0.5, "bytes:\\xe8": expected[1]}
    assert logprobs["top_logprobs"][0] == {"a": -0.25, "b": -0.5}


def test_zero_tells_the_chosen_token(client: FlaskClient) -> None:
    logprobs = complete(client, logprobs=0)["choices"][0]["logprobs"]
    for token, value, top in zip(*(logprobs[key] for key in KEYS[:3]), strict=True):
        assert top == {token: value}


def test_logprobs_only_where_asked(client: FlaskClient) -> None:
    assert complete(client)["choices"][0]["logprobs"] is None
    assert "logprobs" not in chat(client)["choices"][1]
    openai = chat(client, messages=[{"role": "user", "content": "你好"}])
    assert openai["choices"][0]["logprobs"] is None


def test_chat_shape(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.answer = lambda request, index: "a西"
    choice = chat(client, logprobs=True, top_logprobs=1)["choices"][1]
    logprobs = choice["logprobs"]
    assert list(logprobs) == ["content", "refusal"] and logprobs["refusal"] is None
    assert [entry["token"] for entry in logprobs["content"]] == ["a", "\\xe8", "\\xa5", "\\xbf"]
    assert bytes(b for entry in logprobs["content"] for b in entry["bytes"]).decode() == "a西"
    for entry in logprobs["content"]:
        assert list(entry) == ["token", "bytes", "logprob", "top_logprobs"]
        assert entry["top_logprobs"] == [{"token": "a", "bytes": [97], "logprob": -0.25}]
    plain = chat(client, logprobs=True)["choices"][1]["logprobs"]["content"]
    assert all(entry["top_logprobs"] == [] for entry in plain)


def test_infinite_logprobs_are_openais_number(client: FlaskClient, engine: ScriptedEngine) -> None:
    plain = engine.logprob
    engine.logprob = lambda token, count: replace(plain(token, count), logprob=float("-inf"))  # type: ignore[method-assign]
    content = chat(client, logprobs=True)["choices"][1]["logprobs"]["content"]
    assert {entry["logprob"] for entry in content} == {-9999.0}


@pytest.mark.parametrize("n", [1, 3])
def test_streamed_logprobs_are_the_whole_ones(client: FlaskClient, n: int) -> None:
    whole = complete(client, logprobs=3, n=n)["choices"]
    streamed = joined(client, "completions", prompt="你好", logprobs=3, n=n)
    assert streamed == [choice["logprobs"] for choice in whole]
    whole = chat(client, logprobs=True, top_logprobs=2, n=n)["choices"][1:]
    streamed = joined(
        client, "chat/completions", messages="你好", logprobs=True, top_logprobs=2, n=n
    )
    assert streamed == [{"content": choice["logprobs"]["content"]} for choice in whole]


def test_echo(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.answer = lambda request, index: f"答{index}"
    plain = complete(client, echo=True, prompt=["一", "二"], prompt_template="none", n=2)
    assert [choice["text"] for choice in plain["choices"]] == ["一答0", "一答1", "二答2", "二答3"]
    assert isinstance(engine.requests[-1], GenerationRequest)
    assert engine.requests[-1].prompt_logprobs is None
    templated = complete(client, echo=True)["choices"][0]["text"]
    assert templated.startswith("Below is") and templated.endswith("你好\n\n### Response: 答0")
    ids = [BOS, FIRST_BYTE + 97]
    assert complete(client, echo=True, prompt=ids)["choices"][0]["text"] == "a答0"


def test_echo_with_logprobs(client: FlaskClient, engine: ScriptedEngine) -> None:
    engine.answer = lambda request, index: "yz"
    body = complete(client, echo=True, logprobs=1, prompt="a西", prompt_template="none")
    (choice,) = body["choices"]
    assert choice["text"] == "a西yz"
    logprobs = choice["logprobs"]
    assert logprobs["tokens"][:2] == ["<s>", "a"] and logprobs["tokens"][-2:] == ["y", "z"]
    assert logprobs["text_offset"] == [0, 0, 1, 1, 1, 2, 3]
    assert logprobs["token_logprobs"][0] is None and logprobs["top_logprobs"][0] is None
    assert all(isinstance(value, float) for value in logprobs["token_logprobs"][1:])
    assert body["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("max_tokens", [0, 7])
def test_echo_streamed_is_echo_whole(
    client: FlaskClient, engine: ScriptedEngine, late: bool, max_tokens: int
) -> None:
    engine.logprobs_come_late = late
    fields = {
        "prompt": ["杭州", "a", "b"],
        "n": 3,
        "echo": True,
        "logprobs": 2,
        "max_tokens": max_tokens,
    }
    whole = complete(client, **fields)["choices"]
    assert joined(client, "completions", **fields) == [choice["logprobs"] for choice in whole]
    response = client.post("/v1/completions", json={**fields, "stream": True})
    events = read_events(response.data)
    for index, choice in enumerate(whole):
        assert events.text(index) == choice["text"]
        assert events.reasons(index)[-1] == choice["finish_reason"]
        assert len(choice["logprobs"]["tokens"]) == len(choice["logprobs"]["text_offset"])
    if max_tokens == 0:
        assert {choice["finish_reason"] for choice in whole} == {"length"}


def test_best_of(client: FlaskClient, engine: ScriptedEngine) -> None:
    # a byte's logprob is -(1 + token % 8) / 8: "e" (104) is likeliest, then "f", "g", …
    engine.answer = lambda request, index: ["gg", "eh", "", "f", "h"][index % 5]
    body = complete(client, best_of=5, n=2, prompt=["一", "二"], seed=1)
    assert [choice["text"] for choice in body["choices"]] == ["f", "eh"] * 2
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2, 3]
    assert body["choices"][0]["logprobs"] is None
    assert body["usage"]["completion_tokens"] == 12, "all that were made count"
    echoed = complete(client, best_of=5, echo=True, logprobs=1, prompt_template="none")
    assert echoed["choices"][0]["text"] == "你好f"
    assert len(echoed["choices"][0]["logprobs"]["tokens"]) == 8
    same = complete(client, best_of=3, n=3)
    assert [choice["text"] for choice in same["choices"]] == ["gg", "eh", ""]
    assert isinstance(engine.requests[-1], GenerationRequest)
    assert engine.requests[-1].params.logprobs is None, "nothing to choose, nothing to rank"


@pytest.mark.parametrize("template", ["alpaca", "none"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("logprobs", [0, 1])
def test_a_scored_text_is_scored_as_it_is(
    engine: ScriptedEngine, template: str, stream: bool, logprobs: int
) -> None:
    """What evaluation harnesses send; a template would count as the text's beginning."""
    client = create_app(Config(PROMPT_TEMPLATE=template), engine).test_client()
    texts = ["西湖在杭州", "a b"]
    scored = {"prompt": texts, "echo": True, "logprobs": logprobs, "max_tokens": 1}
    response = client.post("/v1/completions", json={**scored, "stream": stream})
    assert response.status_code == 200
    (request,) = engine.requests
    assert isinstance(request, GenerationRequest)
    assert list(request.prompts) == [engine.encode(text) for text in texts]
    assert not request.drop_leading_space
    if not stream:
        for text, choice in zip(texts, response.get_json()["choices"], strict=True):
            assert choice["text"].startswith(text)
            assert choice["logprobs"]["token_logprobs"][0] is None
    # Without scores it is the prompt as the model saw it.
    seen = client.post("/v1/completions", json={"prompt": "a", "echo": True, "max_tokens": 0})
    begins = "a" if template == "none" else "Below is an instruction"
    assert seen.get_json()["choices"][0]["text"].startswith(begins)


def test_a_template_around_a_scored_text_is_refused(client: FlaskClient) -> None:
    body = {"prompt": "a", "echo": True, "logprobs": 1, "prompt_template": "alpaca"}
    error = client.post("/v1/completions", json=body).get_json()["error"]
    assert error["param"] == "prompt_template"
    unscored = {**body, "logprobs": None}
    assert client.post("/v1/completions", json=unscored).status_code == 200
