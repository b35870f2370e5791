"""Floods of connections without nginx: idle, partial requests, slow, all closing at once.
/health must respond in time meanwhile."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest

from tests.harness.client import COMPLETIONS
from tests.harness.server import Server, free_port, python_wsgi, running, wait_ready
from tests.harness.waiting import wait_until
from tests.stack.probe import probed

#: The requirement.
HEALTH_S = 1.5
HALF_HEADER = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HALF_BODY = HEAD + b"Content-Length: 1000\r\n\r\n{"
HALF_UPLOAD = HEAD + b"Content-Length: 500000\r\n\r\n" + b'{"prompt": "' + b"x" * 100_000
HALF_CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{    \r\n"
FIRST_BYTE = b"G"
ANSWERED = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
KEPT = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`python wsgi.py` with --trusted_proxies that exclude loopback: limits per client apply."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    port = free_port()
    log = tmp_path_factory.mktemp("direct") / "log"
    with running(python_wsgi(port, "--trusted_proxies", "192.0.2.0/24"), port, log) as server:
        wait_ready(server)
        yield server
        assert "Traceback" not in server.logged()


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With default settings: loopback is a trusted proxy, without limits per client."""
    port = free_port()
    with running(python_wsgi(port), port, tmp_path_factory.mktemp("trusting") / "log") as server:
        wait_ready(server)
        yield server
        assert "Traceback" not in server.logged()


@contextmanager
def flood(port: int, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """Open `count` connections that have sent `sent`; the server may have closed some already.
    All are closed at once, at the latest at the end of the block."""
    with ExitStack() as stack:
        peers = []
        for _ in range(count):
            peer = stack.enter_context(socket.socket())
            peer.settimeout(20)
            peer.connect(("127.0.0.1", port))
            peers.append(peer)
            if sent:
                try:
                    peer.sendall(sent)
                except OSError:
                    pass  # over the limit, which is allowed
        yield peers


def completes(server: Server) -> None:
    """A completion also works."""
    body = {"prompt": "你好", "max_tokens": 3}
    assert server.client.post(COMPLETIONS, body).status == 200


def close_together(server: Server, rounds: int, count: int, sent: bytes) -> None:
    with probed(server.port) as health:
        for _ in range(rounds):
            with flood(server.port, count, sent):
                pass
        completes(server)
    health.within(HEALTH_S)


#: Fewer complete requests, because responding to a thousand takes a second.
CLOSING = pytest.mark.parametrize(
    ("count", "sent"),
    [(1000, b""), (1000, FIRST_BYTE), (1000, HALF_HEADER), (400, ANSWERED), (400, KEPT)],
    ids=["silent", "first bytes", "headers", "answered", "kept alive"],
)


@CLOSING
def test_a_thousand_that_close_together(direct: Server, count: int, sent: bytes) -> None:
    close_together(direct, 3, count, sent)


@pytest.mark.figures
@CLOSING
def test_twenty_rounds_of_them(direct: Server, count: int, sent: bytes) -> None:
    close_together(direct, 20, count, sent)


KINDS = pytest.mark.parametrize(
    ("count", "sent"),
    [
        (600, HALF_HEADER),
        (600, HALF_BODY),
        (200, HALF_UPLOAD),
        (600, HALF_CHUNKS),
        (1100, b""),
        (1100, FIRST_BYTE),
        (1100, KEPT),
    ],
    ids=["headers", "bodies", "uploads", "chunks", "silent", "first bytes", "kept alive"],
)


def hold(server: Server, count: int, sent: bytes, seconds: float) -> None:
    """They stay open and send a byte now and then."""
    before = server.worker.memory_info().rss
    with probed(server.port) as health, flood(server.port, count, sent) as peers:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            completes(server)
            for peer in peers if sent else ():
                try:
                    peer.send(b"x")
                except OSError:
                    pass  # closed by the server, as expected
            time.sleep(0.5)
    health.within(HEALTH_S)
    more = server.worker.memory_info().rss - before
    print(f"memory: {more / 2**20:+.0f} MiB")
    assert more < 100 * 2**20


@KINDS
def test_held_by_one_machine(direct: Server, count: int, sent: bytes) -> None:
    hold(direct, count, sent, 1.0)


@pytest.mark.figures
@KINDS
def test_held_by_what_may_be_a_proxy(trusting: Server, count: int, sent: bytes) -> None:
    hold(trusting, count, sent, 1.0)


@pytest.mark.figures
@KINDS
def test_held_for_half_a_minute(direct: Server, count: int, sent: bytes) -> None:
    hold(direct, count, sent, 30.0)
    wait_until(lambda: direct.worker.num_fds() < 100, lambda: str(direct.worker.num_fds()))


@pytest.mark.figures
@pytest.mark.parametrize("sent", [b"", FIRST_BYTE, HALF_HEADER, HALF_BODY])
def test_the_silent_are_closed_within_ten_seconds(trusting: Server, sent: bytes) -> None:
    with closing(socket.create_connection(("127.0.0.1", trusting.port), timeout=15)) as peer:
        peer.sendall(sent)
        began = time.monotonic()
        assert peer.recv(1) == b""
        assert 9 < time.monotonic() - began < 12
