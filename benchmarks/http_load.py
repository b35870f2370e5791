"""Asks a server for many streamed answers at once, from one thread and for little CPU time.

Knows nothing about which server it is. What arrives is only stamped and kept; it is read when
the measurement is over (`benchmarks.streams`).
"""

from __future__ import annotations

import json
import random
import selectors
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.streams import Piece, Stream, read_stream

Body = Mapping[str, object]
SILENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Load:
    """What one load gave."""

    streams: tuple[Stream, ...]
    wall_s: float  #: from the first request to the last byte
    client_cpu: float  #: this client's CPU time as a share of one core

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens per second of wall time."""
        return sum(stream.tokens for stream in self.streams) / self.wall_s


@dataclass(slots=True)
class _Exchange:
    """A request on its way."""

    socket: socket.socket
    asked_s: float
    pieces: list[Piece] = field(default_factory=list)

    def receive(self) -> bool:
        """Keep what has come; True when the server has closed, as every request asks it to."""
        data = self.socket.recv(65536)
        self.pieces.append((time.monotonic(), data))
        return not data


def closed_loop(port: int, path: str, bodies: Sequence[Body], clients: int) -> Load:
    """`clients` at once, each asking again as soon as its answer is complete."""
    return _run(port, path, bodies, clients, [0.0] * len(bodies))


def open_loop(port: int, path: str, bodies: Sequence[Body], rate: float, seed: object) -> Load:
    """Requests that arrive by chance, `rate` a second (Poisson), whoever still waits."""
    return _run(port, path, bodies, len(bodies), arrivals(len(bodies), rate, seed))


def arrivals(count: int, rate: float, seed: object) -> list[float]:
    """Seconds after the start at which `count` requests arrive, the first at 0."""
    draw = random.Random(repr(seed))
    moments = [0.0]
    while len(moments) < count:
        moments.append(moments[-1] + draw.expovariate(rate))
    return moments


def _run(port: int, path: str, bodies: Sequence[Body], clients: int, due: Sequence[float]) -> Load:
    requests = [_request(path, body) for body in bodies]
    done: list[_Exchange] = []
    began, cpu = time.monotonic(), time.thread_time()
    sent = 0
    with selectors.DefaultSelector() as selector:
        while len(done) < len(requests):
            now = time.monotonic() - began
            while sent < len(requests) and sent - len(done) < clients and due[sent] <= now:
                asked_s = began + due[sent] if due[sent] else time.monotonic()
                exchange = _Exchange(_send(port, requests[sent]), asked_s)
                selector.register(exchange.socket, selectors.EVENT_READ, exchange)
                sent += 1
            pause = SILENCE_S
            if sent < len(requests) and sent - len(done) < clients:
                pause = max(due[sent] - now, 0)
            ready = selector.select(pause)
            if not ready and pause == SILENCE_S:
                raise TimeoutError(f"no byte from the server in {SILENCE_S:g} s")
            for key, _ in ready:
                if key.data.receive():
                    selector.unregister(key.data.socket)
                    key.data.socket.close()
                    done.append(key.data)
    wall, spent = time.monotonic() - began, time.thread_time() - cpu
    streams = tuple(read_stream(exchange.asked_s, exchange.pieces) for exchange in done)
    return Load(streams, wall, spent / wall)


def _send(port: int, request: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(request)
    return connection


def _request(path: str, body: Body) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content
