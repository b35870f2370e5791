"""gunicorn's threaded worker, hardened against slow and lingering peers, and able to drain.

Knows nothing about the application it serves. Written against gunicorn 27.0.1, whose own
gthread worker (a) closes connections on the loop that accepts, up to 2 s for each peer that
lingers, and resets those that still send after 64 KiB; (b) gives a thread to every connection,
silent or not, and waits there without bound for the rest of a half-sent request; (c) leaves the
listening socket open while it stops, so that new clients hang instead of being refused; (d) waits
for running requests when it is told to quit at once; (e) ends when it runs out of descriptors, or
closes a connection that has news in the same round; (f) answers twice when a body that the
application did not read is malformed; (g) accepts nobody when silent connections hold all places.
"""

from __future__ import annotations

import ctypes
import errno
import math
import os
import resource
import select
import selectors
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.http.errors import ParseException
from gunicorn.workers import gthread

from app.middleware.proxy import Networks, rate_limit_identity
from app.server import timed_socket
from app.server.lingering_close import LingeringCloser
from app.server.request_buffer import RequestBuffer, RequestStage
from app.server.timed_socket import TimedSocket
from app.server.waiting_connections import PendingConnections, UploadSlots

#: Seconds a peer may stay silent before and inside a request, or not take what is sent to it.
IO_TIMEOUT_S = 10.0
#: See `patient_socket`; here for the part of a request that comes before it has a thread.
RECEIVE_TIMEOUT_S = timed_socket.RECEIVE_TIMEOUT_S
#: Connections of one client, proxies apart, that have sent no whole request.
MAX_PENDING_PER_CLIENT = 256
#: Requests too long to be collected first that are read at once, and of one client; and how long
#: others wait for a place.
MAX_UPLOADS, MAX_UPLOADS_PER_CLIENT, UPLOAD_WAIT_TIMEOUT_S = 64, 16, 20.0
#: How long a thread keeps Python's lock while others want it: a short request asks for it dozens
#: of times, and waits as often for each thread that reads a large one.
SWITCH_INTERVAL_S = 0.001
#: Seconds before the end of gunicorn's grace by which the engine has given up what it could
#: not finish, so that those clients still hear why.
DRAIN_MARGIN_S = 3.0
#: When descriptors or buffers run out: how many idle connections give way, how long accepting
#: waits where none can, how often it is told.
CLOSED_WITHOUT_RESOURCES = 8
NO_RESOURCES_PAUSE_S = 0.05
LOG_INTERVAL_S = 60.0
_NO_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_M_ARENA_MAX = -8  # of glibc's malloc.h
_NOTHING_TO_ACCEPT = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED)
#: How often those that wait are looked at.
_SWEEP_INTERVAL_S = 0.25

_OVERLOADED_BODY = (
    b'{"error": {"message": "Too many large requests are being sent; try again in a moment", '
    b'"type": "server_error", "param": null, "code": "overloaded"}}'
)
_OVERLOADED = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 2\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_OVERLOADED_BODY)
) + _OVERLOADED_BODY

_lingering_closer = LingeringCloser()

#: This process's worker; None in gunicorn's master and outside gunicorn.
current: HardenedWorker | None = None


class HardenedConnection(gthread.TConn):  # type: ignore[misc]
    """One client's connection, with bounded waits and a close that does not hold the loop."""

    is_proxy = False  #: a proxy, which speaks for many
    pending_since = math.inf  #: when it began to wait for a request, monotonic
    deadline = math.inf  #: when it has waited long enough, monotonic
    receive_deadline = (
        math.inf
    )  #: when the part of a request that comes first must be there, monotonic

    def __init__(self, cfg: Any, sock: Any, client: Any, server: Any) -> None:
        super().__init__(cfg, TimedSocket(fileno=sock.detach()), client, server)
        self.address = str(client[0]) if isinstance(client, tuple) else ""
        self.client_id = rate_limit_identity(self.address)
        self.buffer = RequestBuffer()

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
            _lingering_closer.close(self.sock)
        else:
            super().close()

    def reject(self) -> None:
        """Say that there was no place, and close."""
        with suppress(OSError):  # gone, or it takes nothing
            self.sock.send(_OVERLOADED)
        self.close(graceful=True)


def _raise_file_limit() -> None:
    """Many systems allow a process 1,024 descriptors until it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            pass  # macOS: "unlimited" is no count; the soft limit serves


def _limit_malloc_arenas() -> None:
    """glibc gives threads arenas of their own, whose free tops, 64 MiB each, it never returns:
    after sixteen large texts those are half a gigabyte. Must come before the first thread."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


# gunicorn's accept() looks the class up in its own module.
gthread.TConn = HardenedConnection


class HardenedWorker(gthread.ThreadWorker):  # type: ignore[misc]
    """The one worker process. Its main thread calls all methods but `handle`."""

    #: Called once when the worker begins to stop, in a thread of its own, with the seconds
    #: that running requests still have.
    on_drain: Callable[[float], object] | None = None

    _logged_at = -math.inf
    _swept_at = -math.inf
    _trusted_proxies = Networks(())

    def init_process(self) -> None:
        """gunicorn's entry after the fork: loads the application and serves until stopped."""
        global current
        current = self
        _raise_file_limit()
        _limit_malloc_arenas()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._pending: PendingConnections[HardenedConnection] = PendingConnections(
            MAX_PENDING_PER_CLIENT
        )
        self._upload_slots: UploadSlots[HardenedConnection] = UploadSlots(
            MAX_UPLOADS, MAX_UPLOADS_PER_CLIENT, UPLOAD_WAIT_TIMEOUT_S
        )
        super().init_process()

    def set_trusted_proxies(self, networks: Sequence[str]) -> None:
        """Say where proxies may be, whose connections are many clients'."""
        self._trusted_proxies = Networks(networks)

    def accept(self, listener: Any) -> None:
        """As gunicorn's, which would give the connection a thread at once, and end the worker
        when descriptors run out."""
        try:
            if self.cfg.is_ssl:  # gunicorn itself speaks TLS, on a thread
                super().accept(listener)
                return
            sock, address = listener.accept()
        except OSError as error:
            self._handle_accept_error(error)
            return
        self.nr_conns += 1
        conn = HardenedConnection(self.cfg, sock, address, listener.getsockname())
        conn.is_proxy = not conn.address or conn.address in self._trusted_proxies
        self._await_request(conn, IO_TIMEOUT_S)

    def _handle_accept_error(self, error: OSError) -> None:
        if error.errno in _NOTHING_TO_ACCEPT:
            return
        if error.errno not in _NO_RESOURCES:
            raise error
        if time.monotonic() - self._logged_at > LOG_INTERVAL_S:
            self._logged_at = time.monotonic()
            self.log.error("a client must wait: %s; raise ulimit -n", error.strerror)
        if not self._close_pending(CLOSED_WITHOUT_RESOURCES):
            time.sleep(NO_RESOURCES_PAUSE_S)  # the client stays in the backlog

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """As gunicorn's, which stumbles over news of connections that were closed in the same
        round."""
        if self._pending:
            timeout = min(timeout, _SWEEP_INTERVAL_S)
        registered = self.poller.get_map()
        for key, _ in self.poller.select(timeout):
            if registered.get(key.fd) is key:
                key.data(key.fileobj)

    # --- until a request is there

    def _await_request(
        self, conn: HardenedConnection, idle_timeout_s: float, unread: bytes = b""
    ) -> None:
        """Collect the next request of a connection, which may be silent so long before it."""
        conn.sock.setblocking(False)
        conn.buffer, conn.receive_deadline = RequestBuffer(unread), math.inf
        if conn.buffer.stage is not RequestStage.PARTIAL:
            self._dispatch(conn)
            return
        self._update_deadline(conn, idle_timeout_s)
        self._pending.add(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))
        self._enforce_connection_limit()

    def _update_deadline(self, conn: HardenedConnection, idle_timeout_s: float) -> None:
        now = time.monotonic()
        if not conn.buffer.data:
            conn.receive_deadline = math.inf
        elif conn.receive_deadline == math.inf:
            conn.receive_deadline = now + RECEIVE_TIMEOUT_S
        conn.deadline = min(now + idle_timeout_s, conn.receive_deadline)

    def _receive(self, conn: HardenedConnection, sock: Any) -> None:
        """Something has come, or the peer has gone."""
        try:
            data = conn.sock.recv_nonblocking()
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(conn)
            return
        conn.buffer.add(data)
        if conn.buffer.stage is RequestStage.PARTIAL:
            self._update_deadline(conn, IO_TIMEOUT_S)
        else:
            self._pending.remove(conn)
            self.poller.unregister(conn.sock)
            self._dispatch(conn)

    def _dispatch(self, conn: HardenedConnection) -> None:
        """Answer a request that is there, or that is long and must be waited for by a thread;
        those have few."""
        if conn.buffer.stage is RequestStage.COMPLETE:
            self._enqueue(conn, None)
        else:
            self._upload_slots.request(conn, self._start_upload)

    def _start_upload(self, conn: HardenedConnection) -> None:
        release = partial(
            self.method_queue.defer, self._upload_slots.release, conn, self._start_upload
        )
        self._enqueue(conn, release)

    def _enqueue(self, conn: HardenedConnection, on_received: Callable[[], None] | None) -> None:
        """Give the request a thread."""
        buffer = conn.buffer
        conn.sock.start_request(bytes(buffer.data), buffer.size, on_received)
        conn.data_ready = True
        self.enqueue_req(conn)

    def _drop(self, conn: HardenedConnection) -> None:
        self._pending.remove(conn)
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _close_pending(self, count: int) -> bool:
        """Close so many that wait; False when none may be."""
        for closed in range(count):
            conn = self._pending.oldest_of_largest_client()
            if conn is None:
                return closed > 0
            self._drop(conn)
        return True

    def _enforce_connection_limit(self) -> None:
        """Let there be a place for whoever comes next."""
        while self.nr_conns >= self.worker_connections and self._close_pending(1):
            pass

    def murder_pending(self) -> None:
        """Called by gunicorn after each round: those that were waited for long enough."""
        super().murder_pending()
        if time.monotonic() - self._swept_at < _SWEEP_INTERVAL_S:
            return
        self._swept_at = time.monotonic()
        for conn in self._pending.expired():
            self._drop(conn)
        for conn in self._pending.over_limit():
            self._drop(conn)
        self._enforce_connection_limit()
        for conn in self._upload_slots.expired():
            self.nr_conns -= 1
            conn.reject()

    def _cap_keepalive(self, deadline: float) -> None:
        """Called by gunicorn when it stops: nobody is waited for longer than until then."""
        super()._cap_keepalive(deadline)
        self._pending.cap(deadline)

    def finish_request(self, conn: HardenedConnection, fs: Any) -> None:
        """As gunicorn's, but the next request is collected before it has a thread."""
        if self.cfg.is_ssl:
            super().finish_request(conn, fs)
            return
        self._upload_slots.release(conn, self._start_upload)
        if fs.cancelled() or fs.exception() is not None or not fs.result():
            self.nr_conns -= 1
            conn.close(graceful=fs.cancelled() or fs.exception() is None)
            return
        unread = conn.parser.unreader.take_buffered() + conn.sock.take_unread()
        idle_timeout_s = self.cfg.keepalive if self.alive else gthread.STOP_KEEPALIVE_LINGER
        self._await_request(conn, idle_timeout_s, unread)

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
            grace_s = max(self.cfg.graceful_timeout - DRAIN_MARGIN_S, 0.0)
            threading.Thread(
                target=self.on_drain, args=(grace_s,), name="drain", daemon=True
            ).start()

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGINT and SIGQUIT: end now. A normal exit would wait for running requests."""
        self.cfg.worker_int(self)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
