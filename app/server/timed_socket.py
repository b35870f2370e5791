"""A client's socket whose waits are bounded: the peer must keep a pace, in what it sends and in
what it takes.

Knows nothing about HTTP or gunicorn.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable
from typing import Any

#: A request must have come within this time and another second for each so many bytes, so that
#: nobody holds a thread by trickling.
RECEIVE_TIMEOUT_S = 20.0
MIN_RECEIVE_BYTES_PER_S = 16_384
_READ_BYTES = 1 << 14
#: How a body in chunks ends, trailers apart. Only a hint: text may end like it.
_LAST_CHUNK = b"0\r\n\r\n"


class TimedSocket(socket.socket):
    """A socket whose time-out bounds each wait of `sendall`, not the whole of it: a large
    answer to a slow but reading client may take as long as it takes. What comes in must keep
    a pace."""

    _receive_deadline = math.inf
    _unread = b""
    _missing_bytes: float = 0
    _on_received: Callable[[], None] | None = None

    def start_request(
        self, unread: bytes, size: float, on_received: Callable[[], None] | None
    ) -> None:
        """The clock of the next request starts now.

        early: what has been read of it already, which `recv` gives first; size: bytes of all of
        it, infinite where that is not known; on_arrived: called once, when all of it has been
        taken as far as can be told, or something is sent in return.
        """
        self._receive_deadline = time.monotonic() + RECEIVE_TIMEOUT_S
        self._unread, self._missing_bytes, self._on_received = unread, size, on_received

    def take_unread(self) -> bytes:
        """What was read of the next request and not taken by `recv`."""
        unread, self._unread = self._unread, b""
        return unread

    def recv_nonblocking(self) -> bytes:
        """What has come, of a socket that does not block. Raises BlockingIOError for nothing."""
        return super().recv(_READ_BYTES)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """At most `size` bytes. Raises TimeoutError when nothing comes in time."""
        if flags:  # a look, which is nobody's turn
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
        left_s = self._receive_deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the request comes too slowly")
        wanted_s = self.gettimeout()  # gunicorn has its own, when it throws a body away
        self.settimeout(left_s if wanted_s is None else min(wanted_s, left_s))
        try:
            data = super().recv(size)
        finally:
            self.settimeout(wanted_s)
        self._receive_deadline += len(data) / MIN_RECEIVE_BYTES_PER_S
        return data

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of `data`. Raises TimeoutError when the peer takes nothing in time."""
        self._notify_received()
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self.send(rest, flags) :]

    def _notify_received(self) -> None:
        on_received, self._on_received = self._on_received, None
        if on_received is not None:
            on_received()
