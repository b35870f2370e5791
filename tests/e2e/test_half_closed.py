"""Clients that close only their sending half, as RFC 9112 allows: streams continue to the end, and
a full disconnect is still detected at once."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.event_stream import read_events
from tests.harness.client import CHAT, COMPLETIONS, Client
from tests.harness.server import Server
from tests.harness.waiting import wait_until

LONG: dict[str, object] = {"prompt": "你好", "max_tokens": 60, "ignore_eos": True}
LONG_CHAT: dict[str, object] = {
    "messages": [{"role": "user", "content": "你好"}],
    "max_tokens": 60,
    "ignore_eos": True,
}
#: Takes seconds of prefill before the first token.
SILENT: dict[str, object] = {
    "prompt": [[1] + [300 + index] * 999 for index in range(40)],
    "max_tokens": 1,
}
FREE_WITHIN_S = 1.0


@contextmanager
def half_closed(http: Client, path: str, body: dict[str, object]) -> Iterator[socket.socket]:
    """A client that has sent its request and then FIN."""
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", http.port), timeout=60) as peer:
        peer.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(data) + data)
        peer.shutdown(socket.SHUT_WR)
        yield peer


def received(peer: socket.socket) -> bytes:
    """Everything until the server closes."""
    parts = []
    while part := peer.recv(65536):
        parts.append(part)
    return b"".join(parts)


def body_of(answer: bytes) -> bytes:
    """The chunks of a chunked answer."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), answer[:300]
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


def check_cancelled(http: Client, before: dict[str, float]) -> None:
    """Call right after a disconnect: the slot is free, and the request counted as cancelled."""
    name = "requests_cancelled_total"
    wait_until(
        lambda: http.in_flight() == 0 and http.metrics()[name] == before[name] + 1,
        lambda: str(http.metrics()),
        limit_s=FREE_WITHIN_S,
    )


@pytest.mark.parametrize(("path", "body"), [(COMPLETIONS, LONG), (CHAT, LONG_CHAT)])
def test_a_stream_goes_on_to_its_end(http: Client, path: str, body: dict[str, object]) -> None:
    before = http.metrics()
    with half_closed(http, path, {**body, "stream": True}) as peer:
        events = read_events(body_of(received(peer)))
    assert events.done
    assert [c["finish_reason"] for e in events.chunks for c in e["choices"]][-1] == "length"
    after = http.metrics()
    assert after["requests_completed_total"] == before["requests_completed_total"] + 1
    assert after["requests_cancelled_total"] == before["requests_cancelled_total"]


def test_a_silent_stream_is_probed_until_the_client_disconnects(http: Client) -> None:
    before = http.metrics()
    with half_closed(http, COMPLETIONS, {**SILENT, "stream": True}) as peer:
        data = b""
        while b": ping" not in data:
            part = peer.recv(65536)
            assert part and b"[DONE]" not in data, data
            data += part
        assert http.in_flight() == 1
    check_cancelled(http, before)


def test_half_closed_without_streaming_is_a_disconnect(http: Client) -> None:
    before = http.metrics()
    with half_closed(http, COMPLETIONS, {**LONG, "max_tokens": 900}) as peer:
        assert b"200 OK" not in received(peer)
    check_cancelled(http, before)


def test_disconnect_behind_a_proxy_that_forwards_the_fin(server: Server, http: Client) -> None:
    """A proxy like Docker's: only the second write to the client fails."""
    before = http.metrics()
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        half_closed(Client(listener.getsockname()[1]), COMPLETIONS, {**SILENT, "stream": True}),
    ):
        client, _ = listener.accept()
        onward = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    with client, onward:  # the client has disconnected
        while data := client.recv(1 << 20):
            onward.sendall(data)
        onward.shutdown(socket.SHUT_WR)
        with pytest.raises(OSError):
            while True:
                client.sendall(onward.recv(65536))
    check_cancelled(http, before)
