"""The network streams below httpcore, against real sockets."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

import httpcore2
import pytest
import uvloop

from app.upstream.asyncio_backend import AsyncioBackend

Use = Callable[[httpcore2.AsyncNetworkStream, socket.socket], Awaitable[None]]


def use(action: Use) -> None:
    """Call `action` with both ends of a connection."""

    async def run() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            host, port = server.getsockname()
            stream = await AsyncioBackend().connect_tcp(host, port, timeout=5)
            theirs, _ = server.accept()
            with theirs:
                await action(stream, theirs)
            await stream.aclose()
        await asyncio.sleep(0.01)  # the event loop closes it

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def test_it_reads_and_writes() -> None:
    async def action(stream: httpcore2.AsyncNetworkStream, theirs: socket.socket) -> None:
        await stream.write(b"hello", timeout=5)
        assert theirs.recv(9) == b"hello"
        theirs.sendall(b"answer")
        assert await stream.read(3) == b"ans"
        assert await stream.read(9, timeout=5) == b"wer"
        theirs.close()
        assert await stream.read(9) == b""

    use(action)


def test_reading_ends_at_its_timeout() -> None:
    async def action(stream: httpcore2.AsyncNetworkStream, theirs: socket.socket) -> None:
        with pytest.raises(httpcore2.ReadTimeout):
            await stream.read(9, timeout=0.05)

    use(action)


def test_writing_to_nobody_who_reads_ends_at_its_timeout() -> None:
    async def action(stream: httpcore2.AsyncNetworkStream, theirs: socket.socket) -> None:
        with pytest.raises(httpcore2.WriteTimeout):
            await stream.write(bytes(64 << 20), timeout=0.05)

    use(action)


def test_a_reset_is_an_error() -> None:
    async def action(stream: httpcore2.AsyncNetworkStream, theirs: socket.socket) -> None:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        with pytest.raises(httpcore2.ReadError):
            await stream.read(9)

    use(action)


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(httpcore2.ConnectError):
        asyncio.run(AsyncioBackend().connect_tcp("127.0.0.1", port, timeout=5))


def test_connecting_ends_at_its_timeout() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:  # the queue of connections that nobody accepts
            each.setblocking(False)
            each.connect_ex(address)
        try:
            with pytest.raises(httpcore2.ConnectTimeout):
                asyncio.run(AsyncioBackend().connect_tcp(*address, timeout=0.2))
        finally:
            for each in waiting:
                each.close()
