"""Whether a client has gone, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from app.calls.connection import Connection


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    listener = socket.create_server(("127.0.0.1", 0))
    theirs = socket.create_connection(listener.getsockname())
    ours, _ = listener.accept()
    listener.close()
    yield ours, theirs
    ours.close()
    theirs.close()


def connection(sock: object) -> Connection:
    return Connection({"gunicorn.socket": sock})


@pytest.mark.parametrize("timeout", [None, 0.0, 10.0])
def test_gone_once_closed(pair: tuple[socket.socket, socket.socket], timeout: float | None) -> None:
    ours, theirs = pair
    ours.settimeout(timeout)
    client = connection(ours)
    assert not client.gone()
    theirs.close()
    assert client.gone()
    assert client.gone()


def test_next_requests_bytes_stay(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(b"GET / HTTP/1.1\r\n")
    client = connection(ours)
    assert not client.gone()
    assert not client.gone()
    assert ours.recv(100) == b"GET / HTTP/1.1\r\n"


def test_reset(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    theirs.close()
    assert connection(ours).gone()


def test_our_own_end_closed(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].close()
    assert connection(pair[0]).gone()


@pytest.mark.parametrize("found", [None, "x", 5])
def test_without_a_socket_the_client_is_there(found: object) -> None:
    assert not connection(found).gone()
    assert not Connection({}).gone()
