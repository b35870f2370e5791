"""Clients that send or read slowly, or not at all: others are not affected; they are cut off."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from statistics import quantiles

import pytest

from tests.harness.client import COMPLETIONS, Client
from tests.harness.waiting import wait_until
from tests.stack.conftest import Stack, running_stack
from tests.stack.load import health_watched, job, perform

HALF_HEADER = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HALF_BODY = (
    b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1000\r\n\r\n"
)


def connected(port: int, sent: bytes, source: str, buffer: int | None = None) -> socket.socket:
    """A raw connection from a given loopback address."""
    peer = socket.socket()
    if buffer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    peer.bind((source, 0))
    peer.settimeout(20)
    peer.connect(("127.0.0.1", port))
    peer.sendall(sent)
    return peer


@contextmanager
def trickling(port: int, headers: int, bodies: int) -> Iterator[list[socket.socket]]:
    """Partial requests from eight addresses, each sending a byte now and then."""
    peers, stop = [], threading.Event()
    for index in range(headers + bodies):
        sent = HALF_HEADER if index < headers else HALF_BODY
        peers.append(connected(port, sent, f"127.0.0.{2 + index % 8}"))

    def trickle() -> None:
        while not stop.wait(2):
            for peer in peers:
                try:
                    peer.send(b"x")
                except OSError:
                    pass  # closed by the server, as expected

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        yield peers
    finally:
        stop.set()
        thread.join()
        for peer in peers:
            peer.close()


def latencies(http: Client, seconds: float) -> list[float]:
    """Latencies of sequential normal requests, which must be correct."""
    end, times_s = time.monotonic() + seconds, []
    while time.monotonic() < end:
        work = job(len(times_s), http, streamed=False)
        began = time.monotonic()
        assert perform(http, work) == "right"
        times_s.append(time.monotonic() - began)
    return times_s


def slow_senders(stack: Stack, seconds: float, headers: int, bodies: int) -> None:
    http = stack.http
    before = quantiles(latencies(http, seconds / 4), n=100)[98]
    with trickling(stack.proxy.port, headers, bodies) as peers, health_watched(http):
        beside = quantiles(latencies(http, seconds), n=100)[98]
        assert len(peers) == headers + bodies
    print(f"p99 {before:.3f} s alone, {beside:.3f} s beside {headers + bodies} slow senders")
    assert beside <= max(1.5 * before, 1.0)
    stack.settled()


@pytest.mark.fault
def test_half_sent_requests_stop_at_nginx(counting: Stack) -> None:
    slow_senders(counting, 6, 500, 200)


@pytest.mark.figures
def test_half_sent_requests_for_a_minute(counting: Stack) -> None:
    slow_senders(counting, 60, 500, 200)


def gaps(http: Client, streams: int) -> list[float]:
    """Times between two tokens of `streams` streams that are read."""
    gaps_s: list[float] = []

    def follow(index: int) -> None:
        body = {"prompt": [index + 3], "max_tokens": 400, "stream": True}
        with http.open(COMPLETIONS, body) as opened:
            times = list(opened.tokens())
        assert len(times) == 400
        gaps_s.extend(after - before for before, after in pairwise(times))

    threads = [threading.Thread(target=follow, args=(index,)) for index in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return gaps_s


def slow_readers(stack: Stack, count: int, n: int = 1, cut_after_s: float | None = None) -> None:
    """As many clients that never read as clients that do."""
    http = stack.http
    # The same number of requests in both runs: only the waiting for sockets differs.
    alone = quantiles(gaps(http, 2 * count), n=100)[94]
    body = b'{"prompt": [5], "max_tokens": 11000, "stream": true, "n": %d}' % n
    head = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    sent = head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    with ExitStack() as stack_of_peers:
        for _ in range(count):
            peer = connected(stack.proxy.port, sent, "127.0.0.1", buffer=4096)
            stack_of_peers.callback(peer.close)
        wait_until(lambda: http.in_flight() == count, lambda: str(http.metrics()))
        began = time.monotonic()
        beside = quantiles(gaps(http, count), n=100)[94]
        print(f"p95 between tokens {1000 * alone:.1f} ms, {1000 * beside:.1f} ms beside {count} "
              "who never read")  # fmt: skip
        assert beside <= max(1.2 * alone, 0.05)
        if cut_after_s is not None:
            wait_until(
                lambda: http.in_flight() == 0, lambda: str(http.metrics()), limit_s=cut_after_s
            )
            print(f"cut after {time.monotonic() - began:.1f} s")
    stack.settled()


@pytest.mark.fault
def test_the_engine_does_not_wait_for_clients_that_never_read(counting: Stack) -> None:
    slow_readers(counting, 8)


@pytest.mark.figures
def test_thirty_two_clients_never_read(counting: Stack) -> None:
    slow_readers(counting, 32)


@pytest.mark.figures
def test_clients_that_never_read_are_cut() -> None:
    """After the buffers between (some megabytes) are full."""
    with running_stack(settings={"STACK_STEP_S": 0.001}) as stack:
        slow_readers(stack, 4, n=8, cut_after_s=100)
