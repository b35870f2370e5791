"""One thread that notices when a waiting request's client closes its connection.

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

#: How often sockets are looked at where the system has no epoll.
SWEEP_S = 0.2
#: Seconds a wait lasts at most; only so that it is seen that nobody is waited for any more.
_LOOK_UP_S = 60.0

_LEFT = getattr(select, "EPOLLRDHUP", 0) | getattr(select, "EPOLLONESHOT", 0)
_HUNG_UP = select.POLLHUP | select.POLLERR | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)


class Watcher:
    """Watches the sockets of all waiting requests. Any thread may call it; it starts its own
    with the first socket, because a thread does not survive gunicorn's fork."""

    def __init__(self, use_epoll: bool = hasattr(select, "epoll")) -> None:
        self._use_epoll = use_epoll
        self._lock = threading.Lock()
        self._watched: dict[int, tuple[socket.socket, Callable[[], None]]] = {}
        self._epoll: select.epoll | None = None
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, sock: socket.socket, on_gone: Callable[[], None]) -> Iterator[None]:
        """While the block runs, call `on_gone` once if the peer of `sock` closes, on the
        watcher's thread: it must be short, and harmless when it comes a moment too late."""
        number = sock.fileno()
        if number < 0:  # closed on our side already
            on_gone()
            yield
            return
        self._add(number, sock, on_gone)
        try:
            yield
        finally:
            self._remove(number)

    def _add(self, number: int, sock: socket.socket, on_gone: Callable[[], None]) -> None:
        with self._lock:
            if self._thread is None:
                self._start()
            self._watched[number] = (sock, on_gone)
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
                on_gone = self._take(number)
                if on_gone is not None:
                    on_gone()

    def _take(self, number: int) -> Callable[[], None] | None:
        """Whom to tell that the peer of a socket has gone; nobody, when by now the number is
        another's, whose peer is there."""
        with self._lock:
            sock, on_gone = self._watched.get(number, (None, None))
            if sock is None:
                return None
            if _closed(sock):
                del self._watched[number]
                return on_gone
            if self._epoll is not None:
                self._epoll.modify(number, _LEFT)
            return None

    def _wait(self) -> list[int]:
        """The sockets whose peers have probably gone; may be none."""
        if self._epoll is not None:
            return [number for number, _ in self._epoll.poll(_LOOK_UP_S)]
        time.sleep(SWEEP_S)
        with self._lock:
            watched = dict(self._watched)
        return [number for number, (sock, _) in watched.items() if _closed(sock)]


def _closed(sock: socket.socket) -> bool:
    """Whether the peer has closed, as far as can be seen without taking what it sent."""
    try:
        poll = select.poll()
        poll.register(sock, select.POLLIN | _HUNG_UP)
        events = dict(poll.poll(0)).get(sock.fileno(), 0)
        if events & _HUNG_UP:
            return True
        if not events & select.POLLIN or isinstance(sock, ssl.SSLSocket):
            return False
        return sock.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True
