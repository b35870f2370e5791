"""Request ids and the access log."""

from __future__ import annotations

import logging

import pytest
from flask.testing import FlaskClient

PATHS = ["/", "/health", "/v1/models", "/v1/nope", "/nope", "/static/style.css", "/static/nope"]


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
def test_odd_ids_are_not_taken_over(client: FlaskClient, sent: str) -> None:
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
    lines = [record.getMessage() for record in caplog.records if record.name == "app.access"]
    assert len(lines) == 2
    assert lines[0].startswith("POST '/v1/completions' 200 ") and lines[0].endswith(" ms r1")
    assert "\n" not in lines[1] and "\x1b" not in lines[1] and len(lines[1]) < 400
    assert "secret" not in caplog.text


def test_streams_are_logged_when_they_end(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.access")
    response = client.post("/v1/completions", json={"prompt": "a", "stream": True}, buffered=False)
    next(response.iter_encoded())
    assert caplog.records == []
    response.close()
    assert len(caplog.records) == 1
