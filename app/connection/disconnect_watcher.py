"""A thread that detects when the client of a running request disconnects or half-closes."""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto

#: Polling interval on systems without epoll.
POLL_INTERVAL_S = 0.2
#: Upper bound of one epoll wait.
_MAX_EPOLL_WAIT_S = 60.0

_ONE_SHOT = getattr(select, "EPOLLONESHOT", 0)  # EPOLLHUP and EPOLLERR are always reported
_PEER_CLOSED = getattr(select, "EPOLLRDHUP", 0) | _ONE_SHOT
_HUNG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL
_HALF_CLOSED = getattr(select, "POLLRDHUP", 0)


class _PeerState(Enum):
    """The state of the connection as seen from this side."""

    CONNECTED = auto()
    HALF_CLOSED = auto()  #: the client sent FIN: it may have closed, or still read
    DISCONNECTED = auto()  #: the client reset the connection, or closed a Unix socket


@dataclass(slots=True)
class _Watch:
    sock: socket.socket
    on_disconnect: Callable[[], None]
    on_half_closed: Callable[[], None] | None  #: None: not given, or called already
    half_closed_is_disconnect: bool


class DisconnectWatcher:
    """Watches the sockets of all running requests. Thread-safe. Its thread starts with the first
    socket, because threads do not survive gunicorn's fork."""

    def __init__(self, use_epoll: bool = hasattr(select, "epoll")) -> None:
        self._use_epoll = use_epoll
        self._lock = threading.Lock()
        self._watched: dict[int, _Watch] = {}
        self._epoll: select.epoll | None = None
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(
        self,
        sock: socket.socket,
        on_disconnect: Callable[[], None],
        on_half_closed: Callable[[], None] | None = None,
    ) -> Iterator[None]:
        """Call `on_disconnect` once if the peer of `sock` disconnects while the block runs.

        Callbacks run on the watcher's thread: they must be short, and must tolerate being
        called just after the block has ended.

        on_half_closed: called once when the peer closes only its sending half (FIN). Only a
        write shows whether such a peer still reads: a closed one answers with a reset. None: a
        half-closed peer counts as disconnected.
        """
        fd = sock.fileno()
        if fd < 0:  # already closed by the server
            on_disconnect()
            yield
            return
        self._add(fd, _Watch(sock, on_disconnect, on_half_closed, on_half_closed is None))
        try:
            yield
        finally:
            self._remove(fd)

    def _add(self, fd: int, watch: _Watch) -> None:
        with self._lock:
            if self._thread is None:
                self._start()
            self._watched[fd] = watch
            if self._epoll is not None:
                # Not EPOLLIN: readable data may be the next pipelined request.
                self._epoll.register(fd, _PEER_CLOSED)

    def _remove(self, fd: int) -> None:
        with self._lock:
            self._watched.pop(fd, None)
            if self._epoll is not None:
                try:
                    self._epoll.unregister(fd)
                except (OSError, ValueError):
                    pass  # closed in the meantime, which unregisters it

    def _start(self) -> None:
        if self._use_epoll:
            with suppress(OSError):  # no file descriptor left: fall back to polling
                self._epoll = select.epoll()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            for fd in self._poll():
                callback = self._pop_callback(fd)
                if callback is not None:
                    callback()

    def _pop_callback(self, fd: int) -> Callable[[], None] | None:
        """The callback to call for an event on `fd`. None: the client is still connected; by
        now `fd` may also belong to another socket."""
        with self._lock:
            watch = self._watched.get(fd)
            if watch is None:
                return None
            peer = _peer_state(watch.sock)
            if peer is _PeerState.DISCONNECTED or (
                peer is _PeerState.HALF_CLOSED and watch.half_closed_is_disconnect
            ):
                del self._watched[fd]
                return watch.on_disconnect
            half_closed = peer is _PeerState.HALF_CLOSED
            if self._epoll is not None:
                self._epoll.modify(fd, _ONE_SHOT if half_closed else _PEER_CLOSED)
            if not half_closed:
                return None
            callback, watch.on_half_closed = watch.on_half_closed, None
            return callback

    def _poll(self) -> list[int]:
        """Wait, then return the file descriptors to check; the list may be empty."""
        if self._epoll is not None:
            return [fd for fd, _ in self._epoll.poll(_MAX_EPOLL_WAIT_S)]
        time.sleep(POLL_INTERVAL_S)
        with self._lock:
            return list(self._watched)


def _peer_state(sock: socket.socket) -> _PeerState:
    """The state of `sock`'s peer, without consuming received data."""
    try:
        poll = select.poll()
        poll.register(sock, select.POLLIN | _HALF_CLOSED)
        events = dict(poll.poll(0)).get(sock.fileno(), 0)
        if events & _HUNG_UP:
            return _PeerState.DISCONNECTED
        if events & _HALF_CLOSED:
            return _PeerState.HALF_CLOSED
        if not events & select.POLLIN or isinstance(sock, ssl.SSLSocket):
            return _PeerState.CONNECTED
        ended = sock.recv(1, socket.MSG_PEEK) == b""
        return _PeerState.HALF_CLOSED if ended else _PeerState.CONNECTED
    except (OSError, ValueError):
        return _PeerState.DISCONNECTED
