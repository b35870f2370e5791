"""The client's end of one request: whether anybody still waits for the answer.

Knows nothing about the engine; works on the WSGI environment alone.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from app.connection.disconnect_watcher import DisconnectWatcher


class Connection:
    """Used by one request's thread."""

    def __init__(self, environ: Mapping[str, object], watcher: DisconnectWatcher) -> None:
        # Only gunicorn tells the socket; without one the client counts as present.
        found = environ.get("gunicorn.socket")
        self._socket = found if isinstance(found, socket.socket) else None
        self._watcher = watcher
        self.gone = False  #: True once the client has gone, while it was watched
        self.half_closed = False  #: True once it sends nothing more, where that is asked for

    @contextmanager
    def watched(
        self, on_gone: Callable[[], None], on_half_closed: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """While the block runs, a client that goes makes `gone` true and then calls `on_gone`,
        once, on another thread.

        on_half_closed: called once, after `half_closed` became true, for a client that closes
        only its sending half. It may have gone as well: whoever gives this must write to it to
        find out. Without this such a client counts as gone.
        """
        if self._socket is None:
            yield
            return

        def left() -> None:
            self.gone = True
            on_gone()

        def half_left() -> None:
            self.half_closed = True
            assert on_half_closed is not None
            on_half_closed()

        told = None if on_half_closed is None else half_left
        with self._watcher.watching(self._socket, left, told):
            yield
