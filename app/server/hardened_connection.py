"""One client's connection: bounded waits, request buffering, and a close that does not block."""

from __future__ import annotations

import math
import select
import time
from contextlib import suppress
from typing import Any

from gunicorn.workers import gthread

from app.middleware.proxy import rate_limit_identity
from app.server import timed_socket
from app.server.lingering_close import LingeringCloser
from app.server.overloaded_response import overloaded_response
from app.server.request_buffer import RequestBuffer
from app.server.timed_socket import TimedSocket

#: Seconds without progress before a read or a write fails: a client that sends nothing before
#: or during a request, or does not read what is sent to it.
IO_TIMEOUT_S = 10.0

_lingering_closer = LingeringCloser()


class HardenedConnection(gthread.TConn):  # type: ignore[misc]
    """gunicorn's connection, which the accept loop reads until a request is complete."""

    is_proxy = False  #: a trusted proxy: it carries many clients, so limits per client do not apply
    pending_since = math.inf  #: when it began to wait for a request; monotonic
    deadline = math.inf  #: when it is closed unless more arrives; monotonic
    receive_deadline = math.inf  #: when the request that has begun must be buffered; monotonic

    def __init__(self, cfg: Any, sock: Any, client: Any, server: Any) -> None:
        super().__init__(cfg, TimedSocket(fileno=sock.detach()), client, server)
        self.address = str(client[0]) if isinstance(client, tuple) else ""
        self.client_id = rate_limit_identity(self.address)
        self.buffer = RequestBuffer()

    def init(self) -> None:
        """Called by gunicorn before each request, after it made the socket blocking."""
        super().init()
        self.sock.settimeout(IO_TIMEOUT_S)

    def start_buffering(self, unread: bytes = b"") -> None:
        """Buffer the next request. unread: what has been received of it already."""
        self.sock.setblocking(False)
        self.buffer, self.receive_deadline = RequestBuffer(unread), math.inf

    def extend_deadline(self, idle_timeout_s: float) -> None:
        """Allow `idle_timeout_s` of silence from now, but no more than the receive deadline."""
        now = time.monotonic()
        if not self.buffer.data:
            self.receive_deadline = math.inf
        elif self.receive_deadline == math.inf:
            self.receive_deadline = now + timed_socket.RECEIVE_TIMEOUT_S
        self.deadline = min(now + idle_timeout_s, self.receive_deadline)

    def wait_for_data(self, timeout: float) -> bool:
        """Overridden: gunicorn's opens an extra file descriptor for each wait."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        self.data_ready: bool = self.data_ready or bool(poll.poll(timeout * 1000))
        return self.data_ready

    def close(self, graceful: bool = False) -> None:
        """Close now; if `graceful`, after the client had time to read the response."""
        if graceful:
            _lingering_closer.close(self.sock)
        else:
            super().close()

    def reject(self) -> None:
        """Send 503 `overloaded` and close."""
        with suppress(OSError):  # disconnected, or its receive buffer is full
            self.sock.send(overloaded_response(self.buffer.data))
        self.close(graceful=True)


# gunicorn's accept() looks the class up in its own module.
gthread.TConn = HardenedConnection
