"""Plain TCP for httpcore by asyncio's own streams: its default, anyio, takes 30 µs more for each
token of a stream, and several turns of the event loop more to connect.

https://www.encode.io/httpcore/network-backends/
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore2


class AsyncioBackend(httpcore2.AsyncNetworkBackend):
    """Connects to one address of a host after the other."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Raises ConnectTimeout or ConnectError."""
        with _errors(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            async with asyncio.timeout(timeout):
                return AsyncioStream(*await asyncio.open_connection(host, port))


class AsyncioStream(httpcore2.AsyncNetworkStream):
    """A connection of one request, without TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At least one byte; b"" at the end. Raises ReadTimeout or ReadError."""
        with _errors(httpcore2.ReadTimeout, httpcore2.ReadError):
            if timeout is None:
                return await self._reader.read(max_bytes)
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Raises WriteTimeout or WriteError."""
        with _errors(httpcore2.WriteTimeout, httpcore2.WriteError):
            self._writer.write(buffer)
            async with asyncio.timeout(timeout):
                await self._writer.drain()

    async def aclose(self) -> None:
        """Close the connection; what is not sent yet is sent first."""
        self._writer.close()


@contextmanager
def _errors(timed_out: type[Exception], failed: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:  # an OSError, too
        raise timed_out(str(error)) from error
    except OSError as error:
        raise failed(str(error)) from error
