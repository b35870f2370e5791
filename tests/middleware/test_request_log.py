"""Request ids and the access log."""

from __future__ import annotations

import json
import logging
import re

import pytest
from flask.testing import FlaskClient

from app.server.log import JsonFormatter, TextFormatter

LOGGER = "app.middleware.request_log"
PATHS = ["/", "/health", "/v1/models", "/v1/nope", "/nope", "/static/css/base.css", "/static/nope"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_an_id(client: FlaskClient, path: str) -> None:
    answers = [client.get(path) for _ in range(2)]
    answers.append(client.get(path, headers={"X-Request-Id": "a.B-c_9"}))
    first, second, third = (answer.headers["X-Request-Id"] for answer in answers)
    assert len(first) == 22
    assert first != second
    assert third == "a.B-c_9"
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        answer.close()


@pytest.mark.parametrize("sent", ["", " ", "a b", "你好", "a" * 129, "a;b", "<b>", 'x"y'])
def test_invalid_ids_are_replaced(client: FlaskClient, sent: str) -> None:
    headers = {"X-Request-Id": sent.encode().decode("latin-1")}
    assert len(client.get("/health", headers=headers).headers["X-Request-Id"]) == 22


def test_longest_id(client: FlaskClient) -> None:
    sent = "a" * 128
    assert client.get("/health", headers={"X-Request-Id": sent}).headers["X-Request-Id"] == sent


def test_one_line_each_without_texts(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client.post(
        "/v1/completions", json={"prompt": "secret"}, headers={"X-Request-Id": "r1"}
    ).close()
    client.get("/v1/a%0Ab%1B[31m" + "x" * 5_000).close()
    records = [record for record in caplog.records if record.name == LOGGER]
    lines = [TextFormatter().format(record) for record in records]
    assert len(lines) == 2
    expected = "answered method=POST path=/v1/completions status=200 client=127.0.0.1 request_id=r1"
    tokens = r"prompt_tokens=\d+ completion_tokens=\d+ cached_tokens=0"
    assert re.fullmatch(rf".* INFO {expected} ms=\d+\.\d {tokens}", lines[0])
    assert "path=/v1/a\\x0ab\\x1b[31mxxx" in lines[1] and len(lines[1]) < 400
    entry = json.loads(JsonFormatter().format(records[1]))
    assert (entry["status"], entry["message"]) == (404, "answered")
    assert entry["path"].startswith("/v1/a\nb\x1b[31mx")
    assert "secret" not in caplog.text and "secret" not in lines[0]


def test_streams_are_logged_when_they_end(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    response = client.post("/v1/completions", json={"prompt": "a", "stream": True}, buffered=False)
    next(response.iter_encoded())
    assert caplog.records == []
    response.close()
    assert len(caplog.records) == 1
