"""Requests as real clients send them, answered as they read the answers."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.engine.model_info import ModelInfo
from tests.clients.readers import benchmark_client, data_lines
from tests.clients.requests import CHAT, COMPLETIONS, EMBEDDINGS, SENT, Sent
from tests.fakes import INFO, ScriptedEngine


@pytest.mark.parametrize("sent", SENT, ids=str)
def test_answered(client: FlaskClient, sent: Sent) -> None:
    # A test client takes a path with "//" for a host.
    environ = {"PATH_INFO": sent.path}
    answer = client.post("/", json=sent.body, headers=sent.headers, environ_overrides=environ)
    assert answer.status_code == 200, answer.text
    assert answer.headers.get("X-Ignored-Parameters") == sent.ignored
    if sent.body.get("stream"):
        for reader in (benchmark_client, data_lines):
            read = reader([answer.data])
            assert read.done and read.text
    elif sent.path == EMBEDDINGS:
        assert len(answer.get_json()["data"]) == len(sent.body["input"])
    else:
        (choice,) = answer.get_json()["choices"]
        assert choice["finish_reason"] in ("stop", "length")
        assert choice["text"] if sent.path == COMPLETIONS else choice["message"]["content"]


#: By which an overflow is known: texts that clients look for, in small letters.
LITELLM = ("this model's maximum context length is", "maximum context length is")
LANGCHAIN = ("context_length_exceeded", "maximum context length")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, {"messages": [{"role": "user", "content": "西湖" * 1000}]}),
        (CHAT, {"messages": [{"role": "user", "content": "西" * 500_000}], "max_tokens": 32_000}),
        (COMPLETIONS, {"prompt": "a" * 3000, "stream": True}),
        (COMPLETIONS, {"prompt": [5] * INFO.max_model_len}),
    ],
)
def test_overflows_are_recognised(client: FlaskClient, path: str, body: dict[str, Any]) -> None:
    answer = client.post(path, json=body)
    message = answer.get_json()["error"]["message"].lower()
    assert answer.status_code == 400
    assert any(text in message for text in LITELLM), message
    assert all(text in message for text in LANGCHAIN), message


class Harness:
    """lm-eval's way to a continuation's log-likelihood."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def encode(self, text: str) -> list[int]:
        """By the server's tokenizer."""
        body = {"prompt": text, "add_special_tokens": False}
        tokens: list[int] = self._client.post("/tokenize", json=body).get_json()["tokens"]
        return tokens

    def score(self, prompt: object, context_tokens: int) -> tuple[float, bool]:
        """The sum over what follows the context but for the last, generated token."""
        body = {"prompt": prompt, "temperature": 0, "max_tokens": 1, "logprobs": 1, "echo": True}
        answer = self._client.post(COMPLETIONS, json={**body, "seed": 1234}).get_json()
        scores = answer["choices"][0]["logprobs"]
        values = scores["token_logprobs"][context_tokens:-1]
        best = [max(top.values()) for top in scores["top_logprobs"][context_tokens:-1]]
        return sum(values), values == best


@pytest.mark.parametrize(("context", "end"), [("中国的首都是", "北京"), ("a b", " c d")])
def test_a_harness_scores_the_continuation(
    client: FlaskClient, engine: ScriptedEngine, context: str, end: str
) -> None:
    harness = Harness(client)
    before, after = harness.encode(context), harness.encode(end)
    expected = sum(engine.logprob(token, 1).logprob for token in after)
    assert harness.score([[*before, *after]], len(before))[0] == pytest.approx(expected)
    # Of a text the server makes tokens itself, with a BOS that the harness counts too.
    assert harness.score([context + end], len(before) + 1)[0] == pytest.approx(expected)
    assert harness.score([context + end], len(before) + 1)[1] in (True, False)


def test_a_harness_finds_the_tokenizer(client: FlaskClient) -> None:
    info: ModelInfo = INFO
    told = client.get("/tokenizer_info").get_json()
    harness = Harness(client)
    assert harness.encode(told["eos_token"]) == [info.special_ids[2]]
    assert harness.encode(told["bos_token"]) == [info.special_ids[1]]
    ids = harness.encode("西湖 test")
    assert client.post("/detokenize", json={"tokens": ids}).get_json()["prompt"] == "西湖 test"
