"""HardenedWorker against slow and lingering clients, under the real gunicorn."""

from __future__ import annotations

import json
import re
import select
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest

from tests.harness.waiting import wait_until
from tests.server.conftest import (
    IO_S,
    RECEIVE_TIMEOUT_S,
    Trivial,
    read_all,
    read_until,
    request,
    running,
)

HALF_HEADER = b"GET /health HTTP/1.1\r\nHost: x\r\n"
HALF_BODY = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"


@pytest.mark.parametrize("sent", [request("/health", "Connection: close"), b"garbage\r\n\r\n"])
def test_lingering_clients_do_not_block_others(trivial: Trivial, sent: bytes) -> None:
    peers = [trivial.connect(sent) for _ in range(8)]
    for peer in peers:
        assert peer.recv(9).startswith(b"HTTP/1.1")  # and it stays open on this side
    assert trivial.seconds("/health") < 0.5


@pytest.mark.parametrize("sent", [b"", b"G", HALF_HEADER, HALF_BODY])
def test_half_sent_requests_are_given_up(trivial: Trivial, sent: bytes) -> None:
    began = time.monotonic()
    peers = [trivial.connect(sent) for _ in range(4)]  # as many as there are threads
    assert trivial.get("/health") == b"ok"
    assert time.monotonic() - began < IO_S + 2
    for peer in peers:
        read_all(peer)
    assert "Traceback" not in trivial.logged()


def test_half_sent_requests_have_no_thread(trivial: Trivial) -> None:
    """There are four; idle connections, headers and small bodies wait without a thread."""
    for sent in (b"", b"G", HALF_HEADER, HALF_BODY) * 10:
        trivial.connect(sent)
    for _ in range(5):
        assert trivial.seconds("/health") < IO_S / 2


def test_the_second_request_of_a_connection_may_be_late_and_slow(trivial: Trivial) -> None:
    peers = [trivial.connect(request("/health")) for _ in range(8)]
    for peer in peers:
        read_until(peer, b"ok")
        peer.sendall(request("/body")[:-10])
    assert trivial.seconds("/health") < IO_S / 2
    time.sleep(IO_S / 4)
    for peer in peers:
        peer.sendall(request("/body")[-10:])
        read_until(peer, b"0")


@pytest.mark.parametrize("cut", [1, 40, 70, 10**9])
def test_requests_sent_together_are_answered_in_order(trivial: Trivial, cut: int) -> None:
    """Wherever the received data ends, also inside the second header or body."""
    post = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n" + b"b" * 20
    sent = (request("/health") + post) * 3 + request("/health", "Connection: close")
    peer = trivial.connect()
    for start in range(0, len(sent), cut):
        peer.sendall(sent[start : start + cut])
    received = b""
    while part := peer.recv(65536):
        received += part
    assert re.findall(rb"\r\n\r\n(ok|20)", received) == [b"ok", b"20"] * 3 + [b"ok"]


def test_a_half_closed_client_is_answered(trivial: Trivial) -> None:
    peer = trivial.connect(request("/health"))
    peer.shutdown(socket.SHUT_WR)
    assert read_all(peer) == b"ok"


def test_large_uploads_use_few_slots_and_block_no_others(narrow: Trivial) -> None:
    """Two slots, one per client; a request that waits too long for one gets 503."""
    head = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    first, second, third = (narrow.connect(head + b"x" * 50_000) for _ in range(3))
    assert narrow.seconds("/health") < IO_S / 2
    first.sendall(b"x" * 50_000)
    read_until(first, b"100000")
    second.sendall(b"x" * 50_000)  # it gets the slot
    read_until(second, b"100000")
    third.sendall(b"x" * 1)  # it has the slot and does not use it
    late = narrow.connect(head + b"x" * 50_000)
    answer = read_until(late, b"}}")
    assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: " in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "overloaded"
    assert "Traceback" not in narrow.logged()


def test_a_received_upload_frees_its_slot(narrow: Trivial) -> None:
    """Even if its response takes long, for any declared length."""
    slow = "POST /stream/3 HTTP/1.1\r\nHost: x\r\n"
    sized = f"{slow}Content-Length: 40000\r\n\r\n".encode() + b"x" * 40_000
    chunked = f"{slow}Transfer-Encoding: chunked\r\n\r\n".encode() + b"5\r\nhello\r\n0\r\n\r\n"
    asking = f"{slow}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n".encode() + b"hello"
    peers = [narrow.connect(sent) for sent in (sized, chunked, asking) * 2]
    began = time.monotonic()
    for peer in peers:
        assert peer.recv(20).startswith(b"HTTP/1.1 ")
    assert time.monotonic() - began < 2.5, "it waited for an answer to end"


def test_the_oldest_pending_connections_are_closed(narrow: Trivial) -> None:
    """One client may have six pending connections, and cannot take all places."""
    peers = [narrow.connect() for _ in range(10)]
    for peer in peers[:4]:
        assert peer.recv(1) == b""  # long before its timeout
    assert narrow.get("/health") == b"ok"
    peers[-1].sendall(request("/health"))
    read_until(peers[-1], b"ok")


def test_new_connections_are_not_closed(narrow: Trivial) -> None:
    """Many new connections are not a flood: their requests are on the way."""
    peers = [narrow.connect() for _ in range(30)]
    for peer in reversed(peers):
        peer.sendall(request("/health"))
    for peer in peers:
        read_until(peer, b"ok")


def test_descriptors_run_out_while_many_have_news(tmp_path: Path) -> None:
    """Idle connections are closed in the same round in which they send or disconnect."""
    files = 64
    with running(tmp_path, 512, files=files) as server:
        (worker,) = psutil.Process(server.process.pid).children()
        idle = worker.num_fds()
        for _ in range(5):
            wait_until(lambda: worker.num_fds() <= idle + 2, limit_s=5)
            kept = [server.connect(request("/health")) for _ in range(files - worker.num_fds())]
            for peer in kept:
                read_until(peer, b"ok")
            worker.suspend()  # so that all that follows arrives in one round
            crowd = [server.connect() for _ in range(20)]
            for index, peer in enumerate(kept):
                if index % 2:
                    peer.close()
                else:
                    peer.sendall(request("/health"))
            worker.resume()
            assert server.get("/health") == b"ok"
            for peer in (*crowd, *kept):
                peer.close()
        assert worker.is_running()
        assert "raise ulimit -n" in server.logged()
        assert "Traceback" not in server.logged()


def test_a_client_that_reads_nothing_is_cut(trivial: Trivial) -> None:
    trivial.connect(request("/endless"), receive_buffer=4096)
    wait_until(lambda: trivial.get("/cut") == b"1", limit_s=IO_S + 4)
    (line,) = [line for line in trivial.logged().splitlines() if "connection was closed" in line]
    assert line.endswith("WARNING a connection was closed: timed out")
    assert "Traceback" not in trivial.logged()


def test_a_client_that_reads_slowly_gets_everything(trivial: Trivial) -> None:
    size = 20 * 2**20
    peer = trivial.connect(request(f"/large/{size}", "Connection: close"), receive_buffer=65536)
    began = time.monotonic()
    received = 0
    while part := peer.recv(2**18):
        received += len(part)
        time.sleep(0.02)
    assert received >= size
    assert time.monotonic() - began > 2 * IO_S


def test_a_trickling_client_is_given_up(trivial: Trivial) -> None:
    peer = trivial.connect(HALF_BODY)
    began = time.monotonic()
    with pytest.raises(OSError):
        while time.monotonic() - began < RECEIVE_TIMEOUT_S + 5:
            time.sleep(0.3)
            peer.sendall(b"x")
            if select.select([peer], [], [], 0)[0] and not peer.recv(1000):
                raise ConnectionResetError
    assert RECEIVE_TIMEOUT_S - 0.5 < time.monotonic() - began < RECEIVE_TIMEOUT_S + 3
    assert trivial.get("/health") == b"ok"


@pytest.mark.parametrize("size_mb", [1, 64])
def test_an_answer_reaches_a_client_that_still_sends(trivial: Trivial, size_mb: int) -> None:
    """Such as a 413: the client reads only after it has sent everything."""
    size = size_mb * 2**20
    head = f"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()
    peer = trivial.connect(head)
    piece = b"x" * 2**16
    for _ in range(size // len(piece)):
        peer.sendall(piece)
    assert read_all(peer) == b"too large"


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"5\r\nhello!!", b"0\r\nX Y: z\r\n\r\n"])
def test_an_unread_malformed_body_gets_one_response(trivial: Trivial, chunks: bytes) -> None:
    head = b"POST /refuse HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    peer = trivial.connect(head + chunks + request("/health"))
    received = b""
    while part := peer.recv(65536):
        received += part
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.endswith(b"too large")


def test_half_sent_requests_and_lingering_peers_together(wide: Trivial) -> None:
    """As many as file descriptors allow; further ones wait in the backlog."""
    lingering = [wide.connect(request("/health", "Connection: close")) for _ in range(32)]
    half = [wide.connect(HALF_HEADER if n % 2 else HALF_BODY) for n in range(180)]
    slowest = max(wide.seconds("/health") for _ in range(5))
    assert slowest < 1.0
    too_many = [wide.connect(HALF_HEADER) for _ in range(100)]
    wait_until(lambda: "raise ulimit -n" in wide.logged())
    assert wide.get("/health") == b"ok"
    for peer in (*half, *too_many, *lingering):
        peer.close()
    assert wide.seconds("/health") < 1.0
    assert "Traceback" not in wide.logged()
    assert wide.logged().count("raise ulimit -n") == 1


def test_draining_refuses_at_once_and_finishes_what_runs(trivial: Trivial) -> None:
    running = trivial.connect(request("/stream/3"))
    assert running.recv(9)
    trivial.signal(signal.SIGTERM)

    def refused() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", trivial.port), timeout=0.5):
                return False
        except ConnectionRefusedError:
            return True

    wait_until(refused, trivial.logged, limit_s=1.5)
    so_far = running.recv(65536)
    assert b"[DONE]" not in so_far, "it refused only after the last answer"
    rest = read_until(running, b"0\r\n\r\n")
    assert b"[DONE]\n" in rest
    assert trivial.process.wait(5) == 0
    assert trivial.logged().count("drained 3.5") == 1


def test_an_idle_server_ends_at_once(trivial: Trivial) -> None:
    idle = trivial.connect(request("/health"))  # kept alive
    assert idle.recv(9)
    began = time.monotonic()
    trivial.signal(signal.SIGTERM)
    assert trivial.process.wait(5) == 0
    assert time.monotonic() - began < 4  # gunicorn gives kept-alive connections two seconds


def test_what_outlasts_the_grace_is_cut(trivial: Trivial) -> None:
    running = trivial.connect(request("/stream/60"))
    assert running.recv(9)
    began = time.monotonic()
    trivial.signal(signal.SIGTERM)
    assert trivial.process.wait(12) == 0
    assert 3.5 < time.monotonic() - began < 7
    assert b"[DONE]" not in read_all(running)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGQUIT])
def test_an_interrupt_does_not_wait(trivial: Trivial, signum: int) -> None:
    running = trivial.connect(request("/stream/60"))
    assert running.recv(9)
    trivial.signal(signum)
    began = time.monotonic()
    assert trivial.process.wait(5) == 0
    assert time.monotonic() - began < 2, "it waited for the grace to end"


def test_signals_start_no_second_worker(trivial: Trivial) -> None:
    master = psutil.Process(trivial.process.pid)
    before = master.children(recursive=True)
    for signum in (signal.SIGHUP, signal.SIGTTIN, signal.SIGUSR2):
        trivial.signal(signum)
    wait_until(lambda: trivial.logged().count("load the model twice") == 3)
    assert master.children(recursive=True) == before
    assert trivial.get("/health") == b"ok"
