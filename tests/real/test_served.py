"""`gunicorn wsgi:app` with a real model: what people try first."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.harness.client import CHAT, COMPLETIONS, Client
from tests.real.asking import CONVERSATIONS
from tests.real.conftest import NAME


def chat(http: Client, messages: object, **fields: object) -> dict[str, Any]:
    """The only choice of a greedy chat."""
    body = {"messages": messages, "temperature": 0, "max_tokens": 40, **fields}
    (choice,) = http.post(CHAT, body).ok()["choices"]
    assert isinstance(choice, dict)
    return choice


def ask(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("What is the capital of France?", "Paris"),
        ("What is the chemical symbol of water?", "H2O"),
        ("Who wrote Romeo and Juliet?", "Shakespeare"),
        ("How many days are there in a week?", "7"),
    ],
)
def test_it_knows_what_it_knows(http: Client, question: str, word: str) -> None:
    text = chat(http, ask(question), max_tokens=60)["message"]["content"]
    assert word in text or (word == "7" and "seven" in text), text


def test_its_name(http: Client) -> None:
    (model,) = [each for each in http.get("/v1/models").ok()["data"] if each["id"] == NAME]
    assert model["max_model_len"] == 8192
    assert http.post(CHAT, {"messages": ask("Hi")}).ok()["model"] == NAME


@pytest.mark.parametrize("number", [0, 3, 9, 24, 33, 41])
def test_streamed_is_whole(http: Client, number: int) -> None:
    body = {"messages": CONVERSATIONS[number], "temperature": 0.7, "seed": 3, "max_tokens": 40}
    (whole,) = http.post(CHAT, body).ok()["choices"]
    stream = http.stream(CHAT, body)
    assert stream.text() == whole["message"]["content"]
    assert stream.reasons()[-1] == whole["finish_reason"]


def test_ends_by_itself_and_says_so(http: Client) -> None:
    choice = chat(http, ask("List five colours."), max_tokens=200)
    assert choice["finish_reason"] == "stop"
    assert "<|im_end|>" not in choice["message"]["content"]


def test_stop_strings(http: Client) -> None:
    messages = ask("List five colours.")
    whole = chat(http, messages)["message"]["content"]
    for stop in ("\n3", "Blue", "2. "):
        assert stop in whole
        cut = chat(http, messages, stop=[stop])
        assert cut["message"]["content"] == whole.partition(stop)[0]
        assert cut["finish_reason"] == "stop"


def test_the_same_alone_and_among_twelve(http: Client) -> None:
    """Promise A on the wire: choices and usage, whatever else runs."""
    bodies = [
        {"messages": CONVERSATIONS[number], "max_tokens": 24, "logprobs": True, "seed": number,
         "temperature": number % 3 * 0.5}
        for number in range(0, 39, 3)
    ]  # fmt: skip
    assert len(bodies) >= 12
    tell = ("choices", "usage")

    def answer(body: dict[str, object]) -> str:
        reply = http.post(CHAT, body).ok()
        reply["usage"].pop("prompt_tokens_details", None)  # how much was in the cache
        return json.dumps({key: reply[key] for key in tell})

    alone = [answer(body) for body in bodies]
    with ThreadPoolExecutor(len(bodies)) as pool:
        assert list(pool.map(answer, bodies)) == alone


def test_completions_in_the_alpaca_template_and_without(http: Client) -> None:
    body = {"prompt": "The capital of France is", "temperature": 0, "max_tokens": 8}
    free = http.post(COMPLETIONS, {**body, "prompt_template": "none"}).ok()["choices"][0]["text"]
    assert "Paris" in free
    wrapped = http.post(COMPLETIONS, {**body, "echo": True}).ok()["choices"][0]["text"]
    assert wrapped.startswith("Below is an instruction")


def test_a_classic_chat(http: Client) -> None:
    body = {"messages": [{"role": "user", "message": "What is the capital of France?"}]}
    choices = http.post(CHAT, {**body, "temperature": 0}).ok()["choices"]
    assert [choice["message"]["role"] for choice in choices] == ["user", "assistant"]
    assert "Paris" in choices[1]["message"]["content"]
