"""gunicorn's threaded worker, hardened against slow and lingering peers, and able to drain.

Knows nothing about the application it serves. Written against gunicorn 27.0.1, whose own
gthread worker (a) closes connections on the loop that accepts, up to 2 s for each peer that
lingers; (b) waits without bound for the rest of a half-sent request; (c) leaves the listening
socket open while it stops, so that new clients hang instead of being refused; (d) waits for
running requests when it is told to quit at once.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from gunicorn.workers import gthread

#: Seconds a peer may stay silent inside a request, or not take what is sent to it. A peer
#: that trickles single bytes needs a proxy in front of us.
IO_TIMEOUT_S = 10.0
#: Seconds before the end of gunicorn's grace by which the engine has given up what it could
#: not finish, so that those clients still hear why.
FAREWELL_S = 3.0
#: Connections that may linger at once, each in a thread; more are cut.
MAX_LINGERING = 64

_lingering = threading.BoundedSemaphore(MAX_LINGERING)

#: This process's worker; None in gunicorn's master and outside gunicorn.
current: HardenedWorker | None = None


class PatientSocket(socket.socket):
    """A socket whose time-out bounds each wait of `sendall`, not the whole of it: a large
    answer to a slow but reading client may take as long as it takes."""

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all of `data`. Raises TimeoutError when the peer takes nothing in time."""
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self.send(rest, flags) :]


class HardenedConnection(gthread.TConn):  # type: ignore[misc]
    """One client's connection, with bounded waits and a close that does not hold the loop."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, PatientSocket(fileno=sock.detach()), client, server)

    def init(self) -> None:
        """Called by gunicorn before each request, after it made the socket blocking."""
        super().init()
        self.sock.settimeout(IO_TIMEOUT_S)

    def close(self, graceful: bool = False) -> None:
        """Close at once; if `graceful`, linger for the peer in a thread of its own."""
        if graceful and _lingering.acquire(blocking=False):
            threading.Thread(target=self._linger, name="linger", daemon=True).start()
        else:
            super().close()

    def _linger(self) -> None:
        try:
            super().close(graceful=True)
        finally:
            _lingering.release()


# gunicorn's accept() looks the class up in its own module.
gthread.TConn = HardenedConnection


class HardenedWorker(gthread.ThreadWorker):  # type: ignore[misc]
    """The one worker process. All methods are called by its main thread."""

    #: Called once when the worker begins to stop, in a thread of its own, with the seconds
    #: that running requests still have.
    on_drain: Callable[[float], object] | None = None

    def init_process(self) -> None:
        """gunicorn's entry after the fork: loads the application and serves until stopped."""
        global current
        current = self
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """As gunicorn's; the last call, when stopping, refuses clients instead of leaving
        them in the backlog, and starts the drain (a signal handler must not)."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            listener.close()
        if self.on_drain is not None:
            grace_s = max(self.cfg.graceful_timeout - FAREWELL_S, 0.0)
            threading.Thread(
                target=self.on_drain, args=(grace_s,), name="drain", daemon=True
            ).start()

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGINT and SIGQUIT: end now. A normal exit would wait for running requests."""
        self.cfg.worker_int(self)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
