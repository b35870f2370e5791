"""gunicorn's threaded worker, hardened against slow and lingering peers, and able to drain.

Knows nothing about the application it serves. Written against gunicorn 27.0.1, whose own
gthread worker (a) closes connections on the loop that accepts, up to 2 s for each peer that
lingers, and resets those that still send after 64 KiB; (b) waits without bound for the rest of
a half-sent request; (c) leaves the listening socket open while it stops, so that new clients
hang instead of being refused; (d) waits for running requests when it is told to quit at once;
(e) ends when it runs out of descriptors; (f) answers twice when a body that the application did not
read is malformed.
"""

from __future__ import annotations

import errno
import math
import os
import resource
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from gunicorn.http.errors import ParseException
from gunicorn.workers import gthread

from app.serving.lingering import Lingerer

#: Seconds a peer may stay silent inside a request, or not take what is sent to it.
IO_TIMEOUT_S = 10.0
#: A request must have come within this time and another second for each so many bytes, so that
#: nobody holds a thread by trickling.
ARRIVAL_S = 20.0
ARRIVAL_BYTES_PER_S = 16_384
#: Seconds before the end of gunicorn's grace by which the engine has given up what it could
#: not finish, so that those clients still hear why.
FAREWELL_S = 3.0
#: When descriptors or buffers run out: how long accepting waits, how often it is told.
NO_RESOURCES_PAUSE_S = 0.05
COMPLAIN_EVERY_S = 60.0
_NO_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_lingerer = Lingerer()

#: This process's worker; None in gunicorn's master and outside gunicorn.
current: HardenedWorker | None = None


class PatientSocket(socket.socket):
    """A socket whose time-out bounds each wait of `sendall`, not the whole of it: a large
    answer to a slow but reading client may take as long as it takes. What comes in must keep
    a pace."""

    _arrives_by = math.inf

    def expect_request(self) -> None:
        """The clock of the next request starts now."""
        self._arrives_by = time.monotonic() + ARRIVAL_S

    def recv(self, size: int, flags: int = 0) -> bytes:
        """At most `size` bytes. Raises TimeoutError when nothing comes in time."""
        left_s = self._arrives_by - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the request comes too slowly")
        wanted_s = self.gettimeout()  # gunicorn has its own, when it throws a body away
        self.settimeout(left_s if wanted_s is None else min(wanted_s, left_s))
        try:
            data = super().recv(size, flags)
        finally:
            self.settimeout(wanted_s)
        self._arrives_by += len(data) / ARRIVAL_BYTES_PER_S
        return data

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

    def wait_for_data(self, timeout: float) -> bool:
        """As gunicorn's, which takes another descriptor for each wait."""
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        self.data_ready: bool = self.data_ready or bool(poll.poll(timeout * 1000))
        return self.data_ready

    def close(self, graceful: bool = False) -> None:
        """Close at once; if `graceful`, when the peer has had the time to read its answer."""
        if graceful:
            _lingerer.close(self.sock)
        else:
            super().close()


def _raise_file_limit() -> None:
    """Many systems allow a process 1,024 descriptors until it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            pass  # macOS: "unlimited" is no number; the soft limit serves


# gunicorn's accept() looks the class up in its own module.
gthread.TConn = HardenedConnection


class HardenedWorker(gthread.ThreadWorker):  # type: ignore[misc]
    """The one worker process. Its main thread calls all methods but `handle`."""

    #: Called once when the worker begins to stop, in a thread of its own, with the seconds
    #: that running requests still have.
    on_drain: Callable[[float], object] | None = None

    _complained_at = -math.inf

    def init_process(self) -> None:
        """gunicorn's entry after the fork: loads the application and serves until stopped."""
        global current
        current = self
        _raise_file_limit()
        super().init_process()

    def accept(self, listener: Any) -> None:
        """As gunicorn's, which would end the worker when descriptors run out."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in _NO_RESOURCES:
                raise
            if time.monotonic() - self._complained_at > COMPLAIN_EVERY_S:
                self._complained_at = time.monotonic()
                self.log.error("a client must wait: %s; raise ulimit -n", error.strerror)
            self.murder_keepalived(force=True)  # idle ones give way to those that ask
            time.sleep(NO_RESOURCES_PAUSE_S)  # the client stays in the backlog

    def handle(self, conn: HardenedConnection) -> object:
        """gunicorn's entry for one request, on one of the threads."""
        if isinstance(conn.sock, PatientSocket):  # not where gunicorn itself speaks TLS
            conn.sock.expect_request()
        return super().handle(conn)

    def _keepalive_after(self, conn: HardenedConnection, keepalive: bool) -> bool:
        """As gunicorn's, which reads what the application left of the body, and where that is
        malformed answers a second time. What follows it is nobody's request: the end."""
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except ParseException:
            return False

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
