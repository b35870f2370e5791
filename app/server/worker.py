"""gunicorn's threaded worker, hardened against slow and lingering clients, and able to drain.

Written against gunicorn 27.0.1, whose own gthread worker
(a) closes connections on the accept loop, which takes up to 2 s for a client that lingers, and
    resets clients that still send after 64 KiB;
(b) gives every connection a thread, even an idle one, and waits there without limit for the rest
    of a partial request;
(c) keeps the listening socket open while it stops: new clients hang instead of being refused;
(d) waits for running requests when it must quit at once;
(e) exits when it has no file descriptors left, or when a connection with a pending event is
    closed in the same round;
(f) responds a second time if a body that the application did not read is malformed;
(g) accepts no one while idle connections use all its places.
"""

from __future__ import annotations

import errno
import math
import os
import selectors
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gunicorn.http.errors import ParseException
from gunicorn.workers import gthread

from app.middleware.proxy import Networks
from app.server import hardened_connection
from app.server.hardened_connection import HardenedConnection
from app.server.pending_connections import PendingConnections
from app.server.process_limits import set_process_limits
from app.server.request_buffer import RequestStage
from app.server.running_requests import RunningRequests
from app.server.upload_slots import UploadSlots

#: Connections per client whose request is not complete; trusted proxies may have more.
MAX_PENDING_PER_CLIENT = 256
#: Requests too large to buffer that are read at once, in total and per client, and how long
#: others wait for a slot.
MAX_UPLOADS, MAX_UPLOADS_PER_CLIENT, UPLOAD_WAIT_TIMEOUT_S = 64, 16, 20.0
#: The engine aborts what still runs this long before gunicorn's graceful timeout, so that those
#: clients receive an error instead of a cut connection.
DRAIN_MARGIN_S = 3.0
#: When file descriptors or buffers run out: how many pending connections are closed, how long
#: accepting pauses if there are none, and how often this is logged.
CLOSED_WITHOUT_RESOURCES = 8
NO_RESOURCES_PAUSE_S = 0.05
LOG_INTERVAL_S = 60.0
_NO_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_NOTHING_TO_ACCEPT = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED)
#: How often deadlines of pending connections are checked.
_SWEEP_INTERVAL_S = 0.25

#: This process's worker; None in gunicorn's master and outside gunicorn.
current: HardenedWorker | None = None


class HardenedWorker(gthread.ThreadWorker):  # type: ignore[misc]
    """The one worker process. Its main thread calls all methods but `handle` and what that calls:
    `handle_request` and `_keepalive_after`."""

    #: Called once when the worker begins to stop, on a separate thread, with the seconds that
    #: running requests may still take.
    on_drain: Callable[[float], object] | None = None

    _logged_at = -math.inf
    _swept_at = -math.inf
    _trusted_proxies = Networks(())

    def init_process(self) -> None:
        """gunicorn's entry after the fork: loads the application and serves until stopped."""
        global current
        current = self
        set_process_limits()
        #: Those whose response has perhaps begun.
        self.running_requests = RunningRequests()
        self._pending: PendingConnections[HardenedConnection] = PendingConnections(
            MAX_PENDING_PER_CLIENT
        )
        self._upload_slots: UploadSlots[HardenedConnection] = UploadSlots(
            MAX_UPLOADS, MAX_UPLOADS_PER_CLIENT, UPLOAD_WAIT_TIMEOUT_S
        )
        super().init_process()

    def set_trusted_proxies(self, networks: Sequence[str]) -> None:
        """Set the addresses and networks to which no limit per client applies."""
        self._trusted_proxies = Networks(networks)

    def accept(self, listener: Any) -> None:
        """Accept a connection, without a thread; survive running out of file descriptors."""
        try:
            if self.cfg.is_ssl:  # the TLS handshake needs a thread: as gunicorn does it
                super().accept(listener)
                return
            sock, address = listener.accept()
        except OSError as error:
            self._handle_accept_error(error)
            return
        self.nr_conns += 1
        conn = HardenedConnection(self.cfg, sock, address, listener.getsockname())
        conn.is_proxy = not conn.address or conn.address in self._trusted_proxies
        self._await_request(conn, hardened_connection.IO_TIMEOUT_S)

    def _handle_accept_error(self, error: OSError) -> None:
        if error.errno in _NOTHING_TO_ACCEPT:
            return
        if error.errno not in _NO_RESOURCES:
            raise error
        if time.monotonic() - self._logged_at > LOG_INTERVAL_S:
            self._logged_at = time.monotonic()
            self.log.error("cannot accept a connection: %s; raise ulimit -n", error.strerror)
        if not self._close_pending(CLOSED_WITHOUT_RESOURCES):
            time.sleep(NO_RESOURCES_PAUSE_S)  # the client stays in the backlog

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Run the callbacks of ready sockets; skip connections that an earlier callback of the
        same round has closed."""
        if self._pending:
            timeout = min(timeout, _SWEEP_INTERVAL_S)
        registered = self.poller.get_map()
        for key, _ in self.poller.select(timeout):
            if registered.get(key.fd) is key:
                key.data(key.fileobj)

    def _await_request(
        self, conn: HardenedConnection, idle_timeout_s: float, unread: bytes = b""
    ) -> None:
        """Buffer the next request on the accept loop. idle_timeout_s: until its first byte;
        unread: what has been received of it already."""
        conn.start_buffering(unread)
        if conn.buffer.stage is not RequestStage.PARTIAL:
            self._dispatch(conn)
            return
        conn.extend_deadline(idle_timeout_s)
        self._pending.add(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))
        self._enforce_connection_limit()

    def _receive(self, conn: HardenedConnection, sock: Any) -> None:
        """Called when a pending connection is readable, or closed by the client."""
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
            conn.extend_deadline(hardened_connection.IO_TIMEOUT_S)
        else:
            self._pending.remove(conn)
            self.poller.unregister(conn.sock)
            self._dispatch(conn)

    def _dispatch(self, conn: HardenedConnection) -> None:
        """Give a complete request a thread now, and a large one when it gets an upload slot."""
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
        conn.sock.start_request(bytes(conn.buffer.data), conn.buffer.size, on_received)
        conn.data_ready = True
        self.enqueue_req(conn)

    def _drop(self, conn: HardenedConnection) -> None:
        self._pending.remove(conn)
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _close_pending(self, count: int) -> bool:
        """Close up to `count` pending connections. False: none could be closed."""
        for closed in range(count):
            if (conn := self._pending.oldest_of_largest_client()) is None:
                return closed > 0
            self._drop(conn)
        return True

    def _enforce_connection_limit(self) -> None:
        """Close pending connections until the next client can be accepted."""
        while self.nr_conns >= self.worker_connections and self._close_pending(1):
            pass

    def murder_pending(self) -> None:
        """Called by gunicorn after each round: close the connections that waited too long."""
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
        """Called by gunicorn when it stops: no connection stays idle after `deadline`."""
        super()._cap_keepalive(deadline)
        self._pending.cap_deadlines(deadline)

    def finish_request(self, conn: HardenedConnection, fs: Any) -> None:
        """Called by gunicorn after a response: buffer the next request without a thread."""
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

    def handle_request(self, req: Any, conn: HardenedConnection) -> bool:
        """Respond, unless the process is about to exit."""
        if not self.running_requests.begin():
            return False
        try:
            return bool(super().handle_request(req, conn))
        finally:
            self.running_requests.end()

    def _keepalive_after(self, conn: HardenedConnection, keepalive: bool) -> bool:
        """False: close the connection. gunicorn discards here what the application did not read
        of the body; if that is malformed, it would send a second response."""
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except ParseException:
            return False

    def set_accept_enabled(self, enabled: bool) -> None:
        """Called by gunicorn. The last call, when it stops, closes the listeners, so that new
        clients are refused at once, and starts the drain (a signal handler must not)."""
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
        """SIGINT and SIGQUIT: exit now. A normal exit would wait for running requests."""
        self.cfg.worker_int(self)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
