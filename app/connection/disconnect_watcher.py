"""One thread that notices when a waiting request's client closes its connection, or only its
sending half of it.

Knows nothing about requests: whoever waits says what to do then.
"""

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

#: How often sockets are looked at where the system has no epoll.
SWEEP_S = 0.2
#: Seconds a wait lasts at most; only so that it is seen that nobody is waited for any more.
_LOOK_UP_S = 60.0

_ONCE = getattr(select, "EPOLLONESHOT", 0)  # a reset is always told
_LEFT = getattr(select, "EPOLLRDHUP", 0) | _ONCE
_HUNG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL
_HALF_CLOSED = getattr(select, "POLLRDHUP", 0)


class _Peer(Enum):
    """What can be seen of the other end."""

    THERE = auto()
    HALF_CLOSED = auto()  #: it sends nothing more (FIN); it may have gone, or wait for an answer
    GONE = auto()  #: it has reset the connection, or closed a Unix socket


@dataclass(slots=True)
class _Wait:
    sock: socket.socket
    on_gone: Callable[[], None]
    on_half_closed: Callable[[], None] | None  #: None: nobody to tell, or told
    half_closed_is_gone: bool


class DisconnectWatcher:
    """Watches the sockets of all waiting requests. Any thread may call it; it starts its own
    with the first socket, because a thread does not survive gunicorn's fork."""

    def __init__(self, use_epoll: bool = hasattr(select, "epoll")) -> None:
        self._use_epoll = use_epoll
        self._lock = threading.Lock()
        self._watched: dict[int, _Wait] = {}
        self._epoll: select.epoll | None = None
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(
        self,
        sock: socket.socket,
        on_gone: Callable[[], None],
        on_half_closed: Callable[[], None] | None = None,
    ) -> Iterator[None]:
        """While the block runs, call `on_gone` once if the peer of `sock` goes, on the watcher's
        thread: it must be short, and harmless when it comes a moment too late.

        A peer that closes only its sending half has gone too, unless `on_half_closed` is given:
        then that is called, once, and whoever writes to the peer will see whether it is there,
        for one that has gone answers with a reset.
        """
        number = sock.fileno()
        if number < 0:  # closed on our side already
            on_gone()
            yield
            return
        self._add(number, _Wait(sock, on_gone, on_half_closed, on_half_closed is None))
        try:
            yield
        finally:
            self._remove(number)

    def _add(self, number: int, wait: _Wait) -> None:
        with self._lock:
            if self._thread is None:
                self._start()
            self._watched[number] = wait
            if self._epoll is not None:
                # Readable is no news: it may be the next request's first bytes.
                self._epoll.register(number, _LEFT)

    def _remove(self, number: int) -> None:
        with self._lock:
            self._watched.pop(number, None)
            if self._epoll is not None:
                try:
                    self._epoll.unregister(number)
                except (OSError, ValueError):
                    pass  # closed meanwhile: the system has forgotten it by itself

    def _start(self) -> None:
        if self._use_epoll:
            with suppress(OSError):  # no descriptor left for it: looking needs none
                self._epoll = select.epoll()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            for number in self._wait():
                tell = self._take(number)
                if tell is not None:
                    tell()

    def _take(self, number: int) -> Callable[[], None] | None:
        """Whom to tell of a socket's peer; nobody, when by now the number is another's, whose
        peer is there."""
        with self._lock:
            wait = self._watched.get(number)
            if wait is None:
                return None
            peer = _look(wait.sock)
            if peer is _Peer.GONE or (peer is _Peer.HALF_CLOSED and wait.half_closed_is_gone):
                del self._watched[number]
                return wait.on_gone
            half_closed = peer is _Peer.HALF_CLOSED
            if self._epoll is not None:
                self._epoll.modify(number, _ONCE if half_closed else _LEFT)
            if not half_closed:
                return None
            tell, wait.on_half_closed = wait.on_half_closed, None
            return tell

    def _wait(self) -> list[int]:
        """The sockets of whose peers there may be news; may be none."""
        if self._epoll is not None:
            return [number for number, _ in self._epoll.poll(_LOOK_UP_S)]
        time.sleep(SWEEP_S)
        with self._lock:
            return list(self._watched)


def _look(sock: socket.socket) -> _Peer:
    """What the peer has done, as far as can be seen without taking what it sent."""
    try:
        poll = select.poll()
        poll.register(sock, select.POLLIN | _HALF_CLOSED)
        events = dict(poll.poll(0)).get(sock.fileno(), 0)
        if events & _HUNG_UP:
            return _Peer.GONE
        if events & _HALF_CLOSED:
            return _Peer.HALF_CLOSED
        if not events & select.POLLIN or isinstance(sock, ssl.SSLSocket):
            return _Peer.THERE
        ended = sock.recv(1, socket.MSG_PEEK) == b""
        return _Peer.HALF_CLOSED if ended else _Peer.THERE
    except (OSError, ValueError):
        return _Peer.GONE
