"""Disconnect detection over real sockets, with epoll and with polling."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from app.connection.client_connection import ClientConnection
from app.connection.disconnect_watcher import POLL_INTERVAL_S, DisconnectWatcher

Pair = tuple[socket.socket, socket.socket]
Leave = Callable[[socket.socket], None]
SOON_S = 20.0  #: timeout of a wait that should succeed


@pytest.fixture(params=["tcp", "unix"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    if request.param == "unix":
        ours, theirs = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            theirs = socket.create_connection(listener.getsockname())
            ours, _ = listener.accept()
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.fixture(params=[True, False], ids=["epoll", "sweep"])
def watcher(request: pytest.FixtureRequest) -> DisconnectWatcher:
    return DisconnectWatcher(use_epoll=request.param)


def connection(sock: object, watcher: DisconnectWatcher) -> ClientConnection:
    return ClientConnection({"gunicorn.socket": sock}, watcher)


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    sock.close()


@pytest.mark.parametrize("timeout", [None, 0.0, 10.0])
@pytest.mark.parametrize("leave", [socket.socket.close, reset])
def test_called_once_on_disconnect(
    pair: Pair, watcher: DisconnectWatcher, timeout: float | None, leave: Leave
) -> None:
    ours, theirs = pair
    ours.settimeout(timeout)
    client = connection(ours, watcher)
    called = threading.Semaphore(0)
    with client.watch_disconnect(called.release):
        assert not called.acquire(timeout=2 * POLL_INTERVAL_S)
        assert not client.disconnected
        leave(theirs)
        assert called.acquire(timeout=SOON_S)
        assert client.disconnected
        assert not called.acquire(timeout=2 * POLL_INTERVAL_S)


def test_an_earlier_disconnect_is_detected(pair: Pair, watcher: DisconnectWatcher) -> None:
    ours, theirs = pair
    theirs.close()
    called = threading.Event()
    with connection(ours, watcher).watch_disconnect(called.set):
        assert called.wait(SOON_S)


def test_next_requests_bytes_stay(pair: Pair, watcher: DisconnectWatcher) -> None:
    ours, theirs = pair
    client = connection(ours, watcher)
    called = threading.Event()
    with client.watch_disconnect(called.set):
        theirs.sendall(b"GET / HTTP/1.1\r\n")
        assert not called.wait(2 * POLL_INTERVAL_S)
        assert not client.disconnected
    assert ours.recv(100) == b"GET / HTTP/1.1\r\n"


def test_not_called_after_the_block(pair: Pair, watcher: DisconnectWatcher) -> None:
    ours, theirs = pair
    called = threading.Event()
    with connection(ours, watcher).watch_disconnect(called.set):
        pass
    theirs.close()
    assert not called.wait(2 * POLL_INTERVAL_S)


def test_server_side_closed(pair: Pair, watcher: DisconnectWatcher) -> None:
    pair[0].close()
    client = connection(pair[0], watcher)
    with client.watch_disconnect(lambda: None):
        assert client.disconnected


def test_half_closed_is_a_disconnect_without_callback(
    pair: Pair, watcher: DisconnectWatcher
) -> None:
    """FIN looks like a disconnect, and a single response cannot tell the difference."""
    ours, theirs = pair
    client, called = connection(ours, watcher), threading.Event()
    with client.watch_disconnect(called.set):
        theirs.shutdown(socket.SHUT_WR)
        assert called.wait(SOON_S)
        assert client.disconnected


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\n"])
def test_half_closed_callback_is_called_once(
    pair: Pair, watcher: DisconnectWatcher, sent: bytes
) -> None:
    ours, theirs = pair
    client = connection(ours, watcher)
    left, half = threading.Event(), threading.Semaphore(0)
    with client.watch_disconnect(left.set, half.release):
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        assert half.acquire(timeout=SOON_S)
        assert client.half_closed
        ours.sendall(b": ping")
        assert theirs.recv(100) == b": ping"
        assert not half.acquire(timeout=3 * POLL_INTERVAL_S)
        assert not left.is_set() and not client.disconnected


def test_a_write_distinguishes_disconnect_from_half_close(
    pair: Pair, watcher: DisconnectWatcher
) -> None:
    ours, theirs = pair
    client = connection(ours, watcher)
    left, half = threading.Event(), threading.Event()
    with client.watch_disconnect(left.set, half.set):
        theirs.close()
        if ours.family != socket.AF_UNIX:  # closing one is not just a FIN
            assert half.wait(SOON_S)
            assert not left.wait(2 * POLL_INTERVAL_S)
            ours.sendall(b": ping")
        assert left.wait(SOON_S)
        assert client.disconnected


def test_a_reset_after_half_close_is_detected_without_a_write(
    pair: Pair, watcher: DisconnectWatcher
) -> None:
    ours, theirs = pair
    left, half = threading.Event(), threading.Event()
    with connection(ours, watcher).watch_disconnect(left.set, half.set):
        theirs.shutdown(socket.SHUT_WR)
        assert half.wait(SOON_S)
        reset(theirs)
        assert left.wait(SOON_S)


@pytest.mark.parametrize("value", [None, "x", 5])
def test_without_a_socket_the_client_is_there(value: object, watcher: DisconnectWatcher) -> None:
    for client in (connection(value, watcher), ClientConnection({}, watcher)):
        with client.watch_disconnect(lambda: None):
            assert not client.disconnected


def test_a_thousand_waits_on_reused_numbers(watcher: DisconnectWatcher) -> None:
    """File descriptors are reused at once: an event of one socket must not reach the next."""
    wrong: list[int] = []

    def work(seed: int) -> None:
        for index in range(30):
            ours, theirs = socket.socketpair()
            leaves = (index + seed) % 3 == 0
            called = threading.Event()
            with connection(ours, watcher).watch_disconnect(called.set):
                if leaves:
                    theirs.close()
                    if not called.wait(SOON_S + 3):
                        wrong.append(index)
                elif called.is_set():
                    wrong.append(index)
            ours.close()
            theirs.close()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_one_thread_watches_all(watcher: DisconnectWatcher) -> None:
    before = threading.active_count()
    pairs = [socket.socketpair() for _ in range(50)]
    called = threading.Semaphore(0)
    ready, leave = threading.Barrier(51), threading.Event()

    def wait(ours: socket.socket) -> None:
        with connection(ours, watcher).watch_disconnect(called.release):
            ready.wait()
            leave.wait(10)

    threads = [threading.Thread(target=wait, args=(ours,)) for ours, _ in pairs]
    for thread in threads:
        thread.start()
    ready.wait()
    assert threading.active_count() == before + 50 + 1
    for _, theirs in pairs:
        theirs.close()
    for _ in pairs:
        assert called.acquire(timeout=SOON_S)
    leave.set()
    for thread in threads:
        thread.join()
    for ours, _ in pairs:
        ours.close()
