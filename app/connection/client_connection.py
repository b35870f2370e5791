"""The client's connection of one request: whether the client is still connected."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from app.connection.disconnect_watcher import DisconnectWatcher


class ClientConnection:
    """Used by the request's thread."""

    def __init__(self, environ: Mapping[str, object], watcher: DisconnectWatcher) -> None:
        # Only gunicorn passes the socket; without it the client counts as connected.
        sock = environ.get("gunicorn.socket")
        self._socket = sock if isinstance(sock, socket.socket) else None
        self._watcher = watcher
        self.disconnected = False  #: set while `watch_disconnect` is active
        self.half_closed = False  #: set if `on_half_closed` is given

    @contextmanager
    def watch_disconnect(
        self, on_disconnect: Callable[[], None], on_half_closed: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Watch for a disconnect while the block runs. If the client disconnects, set
        `disconnected`, then call `on_disconnect` once, on the watcher's thread.

        on_half_closed: called once, after `half_closed` is set, when the client closes only its
        sending half (FIN). Only a write shows whether such a client still reads. None: a
        half-closed client counts as disconnected.
        """
        if self._socket is None:
            yield
            return

        def set_disconnected() -> None:
            self.disconnected = True
            on_disconnect()

        def set_half_closed() -> None:
            self.half_closed = True
            assert on_half_closed is not None
            on_half_closed()

        half_closed_callback = None if on_half_closed is None else set_half_closed
        with self._watcher.watching(self._socket, set_disconnected, half_closed_callback):
            yield
