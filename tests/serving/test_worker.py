"""The hardened worker against slow, lingering and stubborn peers, under the real gunicorn."""

from __future__ import annotations

import signal
import socket
import time

import psutil
import pytest

from tests.serving.conftest import IO_S, Trivial, read_all, request, wait_for

HALF_HEADER = b"GET /health HTTP/1.1\r\nHost: x\r\n"
HALF_BODY = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"


@pytest.mark.parametrize("sent", [request("/health", "Connection: close"), b"garbage\r\n\r\n"])
def test_lingering_peers_do_not_stall_others(trivial: Trivial, sent: bytes) -> None:
    peers = [trivial.connect(sent) for _ in range(8)]
    for peer in peers:
        assert peer.recv(9).startswith(b"HTTP/1.1")  # and it stays open on our side
    assert trivial.seconds("/health") < 0.5


@pytest.mark.parametrize("sent", [HALF_HEADER, HALF_BODY])
def test_half_sent_requests_are_given_up(trivial: Trivial, sent: bytes) -> None:
    began = time.monotonic()
    peers = [trivial.connect(sent) for _ in range(4)]  # as many as there are threads
    assert trivial.get("/health") == b"ok"
    assert time.monotonic() - began < IO_S + 2
    for peer in peers:
        read_all(peer)
    assert "Traceback" not in trivial.logged()


def test_a_client_that_reads_nothing_is_cut(trivial: Trivial) -> None:
    trivial.connect(request("/endless"), receive_buffer=4096)
    wait_for(lambda: trivial.get("/cut") == b"1", IO_S + 4)


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


def test_draining_refuses_at_once_and_finishes_what_runs(trivial: Trivial) -> None:
    running = trivial.connect(request("/stream/2"))
    assert running.recv(9)
    trivial.signal(signal.SIGTERM)

    def refused() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", trivial.port), timeout=0.5):
                return False
        except ConnectionRefusedError:
            return True

    assert wait_for(refused, 1.5) < 1.5
    body = read_all(running)
    assert b"[DONE]\n" in body
    assert body.endswith(b"0\r\n\r\n")
    assert trivial.process.wait(5) == 0
    assert trivial.logged().count("drained 3.5") == 1


def test_an_idle_server_ends_at_once(trivial: Trivial) -> None:
    idle = trivial.connect(request("/health"))  # kept alive
    assert idle.recv(9)
    began = time.monotonic()
    trivial.signal(signal.SIGTERM)
    assert trivial.process.wait(5) == 0
    assert time.monotonic() - began < 4  # gunicorn leaves kept-alive peers two seconds


def test_what_outlasts_the_grace_is_cut(trivial: Trivial) -> None:
    running = trivial.connect(request("/stream/60"))
    assert running.recv(9)
    began = time.monotonic()
    trivial.signal(signal.SIGTERM)
    assert trivial.process.wait(12) == 0
    assert 3.5 < time.monotonic() - began < 7
    assert b"[DONE]" not in read_all(running)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_an_interrupt_does_not_wait(trivial: Trivial, number: int) -> None:
    running = trivial.connect(request("/stream/60"))
    assert running.recv(9)
    trivial.signal(number)
    began = time.monotonic()
    assert trivial.process.wait(5) == 0
    assert time.monotonic() - began < 2


def test_signals_start_no_second_worker(trivial: Trivial) -> None:
    master = psutil.Process(trivial.process.pid)
    before = master.children(recursive=True)
    for number in (signal.SIGHUP, signal.SIGTTIN, signal.SIGUSR2):
        trivial.signal(number)
    wait_for(lambda: trivial.logged().count("load the model twice") == 3, 5)
    assert master.children(recursive=True) == before
    assert trivial.get("/health") == b"ok"
