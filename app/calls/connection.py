"""The client's end of one request: whether anybody still waits for the answer.

Knows nothing about the engine; works on the WSGI environment alone.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from app.calls.watcher import Watcher


class Connection:
    """Used by one request's thread."""

    def __init__(self, environ: Mapping[str, object], watcher: Watcher) -> None:
        # Only gunicorn tells the socket; without one the client counts as present.
        found = environ.get("gunicorn.socket")
        self._socket = found if isinstance(found, socket.socket) else None
        self._watcher = watcher
        self.gone = False  #: True once the client has closed, while it was watched

    @contextmanager
    def watched(self, on_gone: Callable[[], None]) -> Iterator[None]:
        """While the block runs, a client that closes makes `gone` true and then calls
        `on_gone`, once, on another thread."""
        if self._socket is None:
            yield
            return

        def left() -> None:
            self.gone = True
            on_gone()

        with self._watcher.watching(self._socket, left):
            yield
