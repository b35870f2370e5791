"""Tells whether the client of a request has gone, by looking at its socket.

Knows nothing about the engine; works on the WSGI environment alone.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Mapping

#: How often a waiting thread looks.
POLL_S = 0.2
_HUNG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)


class Connection:
    """The client's end of one request. Used by that request's thread."""

    def __init__(self, environ: Mapping[str, object]) -> None:
        # Only gunicorn tells the socket; without one the client counts as present.
        found = environ.get("gunicorn.socket")
        self._socket = found if isinstance(found, socket.socket) else None

    def gone(self) -> bool:
        """True once the client has closed the connection. Never blocks, never raises."""
        if self._socket is None:
            return False
        try:
            return _closed(self._socket)
        except (OSError, ValueError):
            return True


def _closed(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN | _HUNG_UP)
    events = dict(poll.poll(0)).get(sock.fileno(), 0)
    if events & _HUNG_UP:
        return True
    if not events & select.POLLIN or isinstance(sock, ssl.SSLSocket):
        return False
    # Readable: the end of the stream, or the next request's first bytes, left where they are.
    return sock.recv(1, socket.MSG_PEEK) == b""
