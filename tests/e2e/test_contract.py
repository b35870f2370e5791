"""The contract's examples, sent by curl as they are written there."""

from __future__ import annotations

import json
import math
import re
import subprocess
import time
from typing import Any

import pytest

from tests.harness.client import Client
from tests.harness.server import Server

CAPITAL = """\
curl http://localhost:19327/v1/completions -H "Content-Type: application/json" \
-d '{"prompt": "告诉我中国的首都在哪里"}'"""
OPTIONS = """\
curl http://localhost:19327/v1/completions -H "Content-Type: application/json" \
-d '{"prompt": "告诉我中国和美国分别各有哪些优点缺点", "max_tokens": 90, "temperature": 0.7, "num_beams": 4, "top_k": 40}'"""  # noqa: E501
ONE_TURN = """\
curl http://localhost:19327/v1/chat/completions -H "Content-Type: application/json" \
-d '{"messages": [{"role": "user", "message": "给我讲一些有关杭州的故事吧"}], "repetition_penalty": 1.0}'"""  # noqa: E501
THREE_TURNS = """\
curl http://localhost:19327/v1/chat/completions -H "Content-Type: application/json" \
-d '{"messages": [{"role": "user", "message": "给我讲一些有关杭州的故事吧"},
                  {"role": "assistant", "message": "好的，请问您对杭州有什么特别的偏好吗？"},
                  {"role": "user", "message": "我比较喜欢和西湖，可以给我讲一下西湖吗"}], "repetition_penalty": 1.0}'"""  # noqa: E501
EMBEDDING = """\
curl http://localhost:19327/v1/embeddings -H "Content-Type: application/json" \
-d '{"input": "今天天气真不错"}'"""

#: The example's keys, then those that the contract allows in every response.
ANSWER_KEYS = ["id", "object", "created", "model", "choices", "usage", "system_fingerprint"]
SHORTUUID = "[2-9A-HJ-NP-Za-km-z]{22}"


def curl(server: Server, example: str) -> dict[str, Any]:
    """Run an example in a shell with the port replaced; return its JSON output."""
    command = example.replace("19327", str(server.port))
    done = subprocess.run(
        ["sh", "-c", f"{command} -s -S --noproxy '*' -w '\\n%{{http_code}}'"],
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    body, _, status = done.stdout.decode().rpartition("\n")
    assert status == "200", f"{status}: {body}"
    value: dict[str, Any] = json.loads(body)
    return value


def check_answer(body: dict[str, Any], prefix: str, kind: str) -> None:
    """What completions and chat have in common."""
    assert list(body) == ANSWER_KEYS
    assert re.fullmatch(f"{prefix}-{SHORTUUID}", body["id"])
    assert body["object"] == kind
    assert type(body["created"]) is int and abs(body["created"] - time.time()) < 60
    assert body["model"] == "chinese-llama-alpaca"
    usage = body["usage"]
    counts = ["prompt_tokens", "completion_tokens", "total_tokens"]
    assert list(usage) == [*counts, "prompt_tokens_details"]
    assert usage["prompt_tokens"] > 0
    assert 0 < usage["completion_tokens"] <= 128
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("example", [CAPITAL, OPTIONS], ids=["plain", "options"])
def test_completion(server: Server, example: str) -> None:
    body = curl(server, example)
    check_answer(body, "cmpl", "text_completion")
    (choice,) = body["choices"]
    assert list(choice) == ["index", "text", "finish_reason", "logprobs"]
    assert choice["index"] == 0
    assert choice["finish_reason"] in ("stop", "length")
    assert choice["text"] and not choice["text"][0].isspace()
    assert "</s>" not in choice["text"]


def test_beams(http: Client) -> None:
    """The best beams, best first; a stream sends their text at the end."""
    asked = {"prompt": "告诉我中国的首都在哪里", "num_beams": 4, "do_sample": False}
    best = http.post("/v1/completions", {**asked, "n": 3}).ok()["choices"]
    texts = [choice["text"] for choice in best]
    assert len(set(texts)) == 3
    assert "北京" in texts[0]
    stream = http.stream("/v1/completions", {**asked, "stream": True})
    assert stream.done
    assert stream.text() == texts[0]
    assert sum(bool(choice["text"]) for chunk in stream.chunks for choice in chunk["choices"]) == 1


def test_the_capital_greedily(server: Server) -> None:
    body = curl(server, CAPITAL.replace('里"}', '里", "temperature": 0}'))
    assert "北京" in body["choices"][0]["text"]
    assert body["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("example", [ONE_TURN, THREE_TURNS], ids=["one", "three"])
def test_chat(server: Server, example: str) -> None:
    sent = json.loads(example.split("-d '")[1].rstrip("'"))["messages"]
    body = curl(server, example)
    check_answer(body, "chatcmpl", "chat.completion")
    choices = body["choices"]
    for index, choice in enumerate(choices):
        assert list(choice) == ["index", "message", "finish_reason"]
        assert list(choice["message"]) == ["role", "content"]
        assert choice["index"] == index
    turns = [(choice["message"]["role"], choice["message"]["content"]) for choice in choices]
    assert turns[:-1] == [(turn["role"], turn["message"]) for turn in sent]
    assert turns[-1][0] == "assistant" and turns[-1][1]
    assert [choice["finish_reason"] for choice in choices[:-1]] == [None] * len(sent)
    assert choices[-1]["finish_reason"] in ("stop", "length")


def test_embedding(server: Server, http: Client) -> None:
    body = curl(server, EMBEDDING)
    assert list(body) == ["object", "data", "model", "usage"]
    assert (body["object"], body["model"]) == ("list", "chinese-llama-alpaca")
    (item,) = body["data"]
    assert list(item) == ["object", "embedding", "index"]
    assert (item["object"], item["index"]) == ("embedding", 0)
    assert math.hypot(*item["embedding"]) == pytest.approx(1, abs=1e-5)
    assert list(body["usage"]) == ["prompt_tokens", "total_tokens"]
    assert body["usage"]["prompt_tokens"] == body["usage"]["total_tokens"] > 0


def test_models(http: Client) -> None:
    body = http.get("/v1/models").ok()
    assert list(body) == ["object", "data", "models"] and body["object"] == "list"
    assert body["models"] == []  # Codex looks for it
    (model,) = body["data"]
    keys = ["id", "object", "created", "owned_by", "root", "parent", "max_model_len"]
    assert list(model) == keys
    assert (model["id"], model["object"]) == ("chinese-llama-alpaca", "model")
    assert model["owned_by"] == "westlake"
    assert type(model["created"]) is int and type(model["max_model_len"]) is int
    assert http.get("/v1/models/chinese-llama-alpaca").ok() == model
    missing = http.get("/v1/models/gpt-4")
    assert (missing.status, missing.error()["code"]) == (404, "model_not_found")
    assert "chinese-llama-alpaca" in missing.error()["message"]


def test_health_and_ready(http: Client) -> None:
    assert http.get("/health").status == 200
    assert http.get("/ready").ok() == {"status": "ready", "batch_invariant": True}


def test_metrics_count_a_request(http: Client) -> None:
    before = http.metrics()
    usage = http.post(
        "/v1/completions", {"prompt": "你好", "max_tokens": 7, "ignore_eos": True}
    ).ok()["usage"]
    after = http.metrics()
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert usage["completion_tokens"] == 7
    assert grown["prompt_tokens_total"] == usage["prompt_tokens"]
    assert grown["generation_tokens_total"] == 7
    for name in (
        "requests_accepted_total",
        "requests_completed_total",
        'finished_total{reason="length"}',
        "time_to_first_token_seconds_count",
        'http_requests_total{method="POST",route="/v1/completions",status="200"}',
    ):
        assert grown[name] == 1, name
    assert grown["inter_token_latency_seconds_count"] == 6
    for name in ("requests_failed_total", "requests_cancelled_total"):
        assert grown[name] == 0, name
    gauges = ("requests_running", "requests_waiting", "kv_cache_usage_ratio")
    assert [after[name] for name in gauges] == [0, 0, 0]
    assert after["batch_invariant"] == 1
    for name in ("prefix_cache_queries_total", "prefix_cache_hits_total"):
        assert name in after
