"""A client's socket with timeouts on receiving and sending."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

#: A request must be received within RECEIVE_TIMEOUT_S, plus one second for each
#: MIN_RECEIVE_BYTES_PER_S bytes: a client that sends a byte now and then (slowloris) is cut off.
RECEIVE_TIMEOUT_S = 20.0
MIN_RECEIVE_BYTES_PER_S = 16_384
_READ_BYTES = 1 << 14
#: The end of a chunked body without trailers. Only a hint: other data may end like it.
_LAST_CHUNK = b"0\r\n\r\n"


class TimedSocket(socket.socket):
    """Receiving has a minimum rate. The timeout of `sendall` applies to each write, not to the
    whole: a client that reads slowly may take as long as it needs."""

    _receive_deadline = math.inf
    _unread = b""
    _missing_bytes: float = 0
    _on_received: Callable[[], None] | None = None

    def start_request(
        self, unread: bytes, size: float, on_received: Callable[[], None] | None
    ) -> None:
        """Start the receive timeout of the next request.

        unread: what has been received of it already, which `recv` returns first; size: bytes of
        the whole request, infinite if unknown; on_received: called once, when the request seems
        complete or when the response begins.
        """
        self._receive_deadline = time.monotonic() + RECEIVE_TIMEOUT_S
        self._unread, self._missing_bytes, self._on_received = unread, size, on_received

    def take_unread(self) -> bytes:
        """The received bytes that `recv` has not returned; they belong to the next request."""
        unread, self._unread = self._unread, b""
        return unread

    def recv_nonblocking(self) -> bytes:
        """Receive from a non-blocking socket. Raises BlockingIOError if nothing has arrived."""
        return super().recv(_READ_BYTES)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive at most `size` bytes. Raises TimeoutError at the deadline."""
        if flags:  # MSG_PEEK: consumes nothing
            return super().recv(size, flags)
        if self._unread:
            data, self._unread = self._unread[:size], self._unread[size:]
        else:
            data = self._recv_before_deadline(size)
        self._missing_bytes -= len(data)
        if self._missing_bytes <= 0 or data.endswith(_LAST_CHUNK):
            self._notify_received()
        return data

    def _recv_before_deadline(self, size: int) -> bytes:
        remaining_s = self._receive_deadline - time.monotonic()
        if remaining_s <= 0:
            raise TimeoutError("the request arrives too slowly")
        timeout_s = self.gettimeout()  # gunicorn sets a shorter one to discard a body
        self.settimeout(remaining_s if timeout_s is None else min(timeout_s, remaining_s))
        try:
            data = super().recv(size)
        finally:
            self.settimeout(timeout_s)
        self._receive_deadline += len(data) / MIN_RECEIVE_BYTES_PER_S
        return data

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of `data`. Raises TimeoutError if a single write takes longer than the
        socket's timeout."""
        self._notify_received()
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self._send(rest, flags) :]

    def _send(self, data: memoryview, flags: int) -> int:
        """Send what fits. `send` first asks the system whether the socket is writable: a second
        call, and another wait for the interpreter's lock, for each token of a stream."""
        if not flags:
            with suppress(BlockingIOError):
                return os.write(self.fileno(), data)
        return self.send(data, flags)

    def _notify_received(self) -> None:
        on_received, self._on_received = self._on_received, None
        if on_received is not None:
            on_received()
