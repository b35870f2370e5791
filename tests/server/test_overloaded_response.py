"""The 503 to a request that has not all come, in the form of its path."""

from __future__ import annotations

import json

import pytest

from app.server.overloaded_response import overloaded_response


@pytest.mark.parametrize(
    ("beginning", "keys"),
    [
        (b"", ["error"]),
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: x", ["error"]),
        (b"POST /v1/messages?beta=true HTTP/1.1\r\n", ["type", "error", "request_id"]),
        (b"POST /llm/v1/messages HTTP/1.1\r\n", ["type", "error", "request_id"]),
        (b"\xff\xfe /" + b"x" * 100_000, ["error"]),
    ],
)
def test_its_form(beginning: bytes, keys: list[str]) -> None:
    head, _, body = overloaded_response(bytearray(beginning)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ") and b"Content-Length: %d" % len(body) in head
    assert list(json.loads(body)) == keys
