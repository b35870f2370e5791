"""A TCP or Unix-socket relay that delays, slows down, splits or cuts responses."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Address = tuple[str, int] | str


@dataclass
class Manners:
    """How the relay treats responses."""

    delay_s: float = 0.0  #: before the first byte
    piece_bytes: int = 65536
    pause_s: float = 0.0  #: after each chunk
    cut_after: int | None = None  #: bytes until a reset
    silent_after: int | None = None  #: bytes until it sends nothing more


def _connect(address: Address) -> socket.socket:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    peer = socket.socket(family, socket.SOCK_STREAM)
    peer.connect(address)
    return peer


def _forward(source: socket.socket, target: socket.socket, gone: threading.Event) -> None:
    """Pass on requests unchanged. gone: set before the end of one is passed on."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        gone.set()
        target.shutdown(socket.SHUT_WR)
    except OSError:
        _end(source, target)


def _end(*peers: socket.socket) -> None:
    for peer in peers:
        try:
            peer.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def _reset(peer: socket.socket) -> None:
    """Close with a reset (SO_LINGER of zero). Shut down first: a reader would keep it open."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    _end(peer)
    peer.close()


def _answer(
    server: socket.socket, client: socket.socket, manners: Manners, gone: threading.Event
) -> None:
    """gone: set if the client has closed, so that its system answers with a reset."""
    sent = 0
    time.sleep(manners.delay_s)
    try:
        while data := server.recv(65536):
            for first in range(0, len(data), manners.piece_bytes):
                piece = data[first : first + manners.piece_bytes]
                if manners.cut_after is not None and sent + len(piece) > manners.cut_after:
                    client.sendall(piece[: manners.cut_after - sent])
                    _end(server)
                    _reset(client)
                    return
                if manners.silent_after is not None and sent >= manners.silent_after:
                    if gone.is_set():
                        _reset(server)
                        return
                    continue
                client.sendall(piece)
                sent += len(piece)
                time.sleep(manners.pause_s)
    except OSError:
        pass
    _end(server, client)


@contextmanager
def relay(target: Address, manners: Manners, path: Path | None = None) -> Iterator[Address]:
    """The relay's address: `path`, or a port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with _connect(target) as server:
                gone = threading.Event()
                answering = (server, self.request, manners, gone)
                back = threading.Thread(target=_answer, args=answering)
                back.start()
                _forward(self.request, server, gone)
                back.join()

    kind: type[socketserver.BaseServer] = socketserver.TCPServer
    address: object = ("127.0.0.1", 0)
    if path is not None:
        kind, address = socketserver.UnixStreamServer, str(path)

    class Relay(socketserver.ThreadingMixIn, kind):  # type: ignore[misc,valid-type]
        daemon_threads = True
        request_queue_size = 512
        block_on_close = False

        def handle_error(self, request: object, client_address: object) -> None:
            """Do not log errors: cut connections are intended."""

    server = Relay(address, Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield str(path) if path is not None else server.server_address
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
