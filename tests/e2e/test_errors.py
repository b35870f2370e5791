"""Invalid requests to the real server: the error table, and a hundred malformed bodies."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from http.client import HTTPConnection

import pytest

from tests.harness.client import CHAT, COMPLETIONS, EMBEDDINGS, Client, Open, Reply

GOOD = {"prompt": "告诉我中国的首都在哪里", "temperature": 0}


def send(http: Client, method: str, path: str, body: bytes | None, kind: str) -> Reply:
    """Send any request, valid or not."""
    connection = HTTPConnection("127.0.0.1", http.port, timeout=30)
    with Open(connection) as opened:
        with suppress(BrokenPipeError):  # the server does not read all of a body that is too large
            connection.request(method, path, body, {"Content-Type": kind})
        return opened.reply()


@pytest.mark.parametrize(
    "path, body, param",
    [
        (COMPLETIONS, {}, "prompt"),
        (COMPLETIONS, {"prompt": ""}, "prompt"),
        (COMPLETIONS, {"prompt": ["a", ""]}, "prompt.1"),
        (COMPLETIONS, {"prompt": [[1, 10**6]]}, "prompt.0.1"),
        (COMPLETIONS, {"prompt": "a", "max_tokens": "3"}, "max_tokens"),
        (COMPLETIONS, {"prompt": "a", "max_tokens": 3.5}, "max_tokens"),
        (COMPLETIONS, {"prompt": "a", "max_tokens": 0}, "max_tokens"),
        (COMPLETIONS, {"prompt": "a", "temperature": 2.1}, "temperature"),
        (COMPLETIONS, {"prompt": "a", "temperature": True}, "temperature"),
        (COMPLETIONS, {"prompt": "a", "top_p": -0.1}, "top_p"),
        (COMPLETIONS, {"prompt": "a", "top_k": -2}, "top_k"),
        (COMPLETIONS, {"prompt": "a", "repetition_penalty": 0}, "repetition_penalty"),
        (COMPLETIONS, {"prompt": "a", "do_sample": 1}, "do_sample"),
        (COMPLETIONS, {"prompt": "a", "n": 9}, "n"),
        (COMPLETIONS, {"prompt": ["a"] * 60, "n": 8}, "n"),
        (COMPLETIONS, {"prompt": "a", "num_beams": 17}, "num_beams"),
        (COMPLETIONS, {"prompt": "a", "stop": ["a"] * 5}, "stop"),
        (COMPLETIONS, {"prompt": "a", "stop": ["a" * 257]}, "stop.0"),
        (COMPLETIONS, {"prompt": "a", "suffix": "b"}, "suffix"),
        (COMPLETIONS, {"prompt": "a", "prompt_template": "other"}, "prompt_template"),
        (COMPLETIONS, {"prompt": "a", "stream_options": {"include_usage": True}}, "stream_options"),
        (CHAT, {}, "messages"),
        (CHAT, {"messages": []}, "messages"),
        (CHAT, {"messages": [{"role": "user"}]}, "messages.0.content"),
        (CHAT, {"messages": [{"role": "user", "message": ["a"]}]}, "messages.0.message"),
        (CHAT, {"messages": [{"role": "admin", "message": "a"}]}, "messages.0.role"),
        (CHAT, {"messages": "a", "audio": {"voice": "b"}}, "audio"),
        (CHAT, {"messages": "a", "prediction": {"type": "content"}}, "prediction"),
        (CHAT, {"messages": "a", "chat_template": "{{ x }}"}, "chat_template"),
        (
            CHAT,
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages.0.content.0.type",
        ),
        (EMBEDDINGS, {}, "input"),
        (EMBEDDINGS, {"input": []}, "input"),
        (EMBEDDINGS, {"input": ["a", ""]}, "input.1"),
        (EMBEDDINGS, {"input": "a", "encoding_format": "hex"}, "encoding_format"),
        (EMBEDDINGS, {"input": "a", "dimensions": 10**6}, "dimensions"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_fields(
    http: Client, path: str, body: dict[str, object], param: str, streamed: bool
) -> None:
    if streamed and path != EMBEDDINGS and "stream_options" not in body:
        body = {**body, "stream": True}
    reply = http.post(path, body)
    assert reply.status == 400, reply.body
    error = reply.error()
    assert (error["param"], error["type"], error["code"]) == (param, "invalid_request_error", None)
    assert param in error["message"]


@pytest.mark.parametrize(
    "path, body, param",
    [
        (COMPLETIONS, {"prompt": "西湖" * 3000}, "prompt"),
        (CHAT, {"messages": "西湖" * 3000}, "messages"),
        (EMBEDDINGS, {"input": "西湖" * 3000}, "input"),
    ],
)
def test_over_the_context(http: Client, path: str, body: dict[str, object], param: str) -> None:
    reply = http.post(path, body)
    assert reply.status == 400
    assert (reply.error()["param"], reply.error()["code"]) == (param, "context_length_exceeded")
    assert "This model's maximum context length is " in reply.error()["message"]
    assert "context_length_exceeded" in reply.error()["message"]


@pytest.mark.parametrize(
    "path, body, name",
    [
        (COMPLETIONS, {"prompt": "a"}, "max_tokens"),
        (CHAT, {"messages": "a"}, "max_tokens"),
        (CHAT, {"messages": [{"role": "user", "content": "a"}]}, "max_completion_tokens"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_more_tokens_than_the_context_has(
    http: Client, path: str, body: dict[str, object], name: str, streamed: bool
) -> None:
    """A huge max_tokens, as agents send it: generation ends at a stop token."""
    body = {**body, name: 32_000, "stop": ["e", "。", "的"], "stream": streamed, "temperature": 0}
    reply = http.post(path, body)
    assert reply.status == 200, reply.body
    limit = http.get("/v1/models").json()["data"][0]["max_model_len"]
    assert 0 < int(reply.headers["x-max-tokens-cut"]) < limit
    assert "x-max-tokens-cut" not in http.post(path, {**body, name: 5}).headers


def test_statuses(http: Client) -> None:
    body = json.dumps(GOOD).encode()
    for method, path, data, kind, status in (
        ("POST", "/v1/nothing", body, "application/json", 404),
        ("GET", "/v1", None, "application/json", 404),
        ("GET", COMPLETIONS, None, "application/json", 405),
        ("DELETE", CHAT, None, "application/json", 405),
        ("POST", COMPLETIONS, body, "text/plain", 415),
        ("POST", COMPLETIONS, body, "application/x-www-form-urlencoded", 415),
        ("POST", COMPLETIONS, b" " * (8 * 2**20 + 1), "application/json", 413),
    ):
        reply = send(http, method, path, data, kind)
        assert reply.status == status, (method, path, kind)
        assert reply.error()["type"] == "invalid_request_error"
    listed = send(http, "GET", "/v1/nothing", None, "application/json").error()["message"]
    for route in (COMPLETIONS, CHAT, EMBEDDINGS, "/v1/models"):
        assert route in listed


def malformed() -> list[bytes]:
    """A hundred bodies that are not valid JSON."""
    made = [
        b"", b" ", b"{", b"}", b"[]", b"null", b"42", b'"x"', b"true", b"{} {}", b"\xef\xbb\xbf{}",
        b'{"prompt": "a",}', b"{'prompt': 'a'}", b'{"prompt": "a" "b"}', b'{"prompt"}',
        b'{"prompt": NaN}', b'{"prompt": "a", "temperature": NaN}',
        b'{"prompt": "a", "temperature": Infinity}', b'{"prompt": "a", "temperature": 1e400}',
        b'{"prompt": "a", "max_tokens": 1' + b"0" * 5000 + b"}",
        b'{"prompt": "\\ud800"}', b'{"prompt": "a", "stop": "\\udfff"}', b'{"prompt": "a\nb"}',
        b'{"prompt": "a", "prompt": "b"}', b'{"prompt": "a", "user": "\\ud83d"}',
        '{"prompt": "你好"}'.encode("gbk"), '{"prompt": "你好"}'.encode("utf-16"),
        b'{"prompt": ' + b"[" * 65 + b"]" * 65 + b"}", b"[" * 100_000,
        b'{"a":' * 100_000, b'{"prompt": "a", "x": ' + b"[" * 70 + b"]" * 70 + b"}",
        b"\x00" * 100, b"<xml/>", b"prompt=a", b'{"prompt": tru}', b'{"prompt": "a"',
    ]  # fmt: skip
    rng = random.Random(0)
    whole = json.dumps(GOOD, ensure_ascii=False).encode()
    while len(made) < 100:  # a valid body truncated, or with one byte that is invalid UTF-8
        place = rng.randrange(1, len(whole) - 1)
        made.append(whole[:place] + (b"" if rng.random() < 0.5 else b"\xff" + whole[place:]))
    return made


def test_malformed_bodies(http: Client) -> None:
    before = http.metrics()["requests_accepted_total"]
    for index, body in enumerate(malformed()):
        path = (COMPLETIONS, CHAT, EMBEDDINGS)[index % 3]
        reply = http.post(path, body)
        assert reply.status == 400, (path, body[:80], reply)
        assert reply.error()["type"] == "invalid_request_error"
    assert http.metrics()["requests_accepted_total"] == before
    gbk = http.post(COMPLETIONS, '{"prompt": "你好"}'.encode("gbk")).error()["message"]
    assert "Windows" in gbk and "UTF-8" in gbk
    for body, param in (
        (b'{"prompt": "a", "temperature": NaN}', "temperature"),
        (b'{"prompt": ["a", "\\ud800"]}', "prompt.1"),
        (b'{"prompt": "a", "n": 1, "n": 2}', "n"),
    ):
        assert http.post(COMPLETIONS, body).error()["param"] == param
    assert "北京" in http.post(COMPLETIONS, GOOD).ok()["choices"][0]["text"]
