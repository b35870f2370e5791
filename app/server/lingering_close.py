"""Lingering close: the client receives the last response even while it still sends.

Closing a socket with unread data sends a reset (RST), which discards what the client has not read
yet: a 413 in the middle of an upload would be lost. So the sending half is shut down first, and
what arrives is discarded until the client closes, within limits of time and bytes. nginx calls
this lingering_close. One thread does it for all connections.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

#: Seconds without data after which a connection is closed, and seconds in total.
IDLE_TIMEOUT_S = 2.0
LINGER_TIMEOUT_S = 30.0
#: Bytes that are read and discarded per connection: more than any allowed upload.
MAX_DISCARDED_BYTES = 2 << 30
#: Lingering connections; further ones are closed immediately.
MAX_LINGERING = 1024
#: Bytes per read: large, so that one fast upload does not occupy the thread.
_READ_BYTES = 1 << 18
_SWEEP_INTERVAL_S = 0.25


@dataclass(slots=True)
class _Peer:
    sock: socket.socket
    deadline: float  #: monotonic
    idle_deadline: float  #: monotonic
    remaining_bytes: int


class LingeringCloser:
    """Thread-safe. Only the linger thread uses the selector; it gets connections by a queue."""

    def __init__(self) -> None:
        self._start_lock = threading.Lock()
        self._inbox: SimpleQueue[_Peer] = SimpleQueue()
        self._lingering = 0  #: connections in the inbox or the selector
        self._lingering_lock = threading.Lock()
        self._wake_sender: socket.socket | None = None
        self._buffer = bytearray(_READ_BYTES)

    def close(self, sock: socket.socket) -> None:
        """Close `sock` after its peer had time to read what was sent. Does not block."""
        try:
            sock.setblocking(False)
            sock.shutdown(socket.SHUT_WR)
            wake_sender = self._wake_sender or self._start()
        except OSError:  # disconnected, or no file descriptors are left
            sock.close()
            return
        with self._lingering_lock:
            is_full = self._lingering >= MAX_LINGERING
            self._lingering += not is_full
        if is_full:
            sock.close()
            return
        now = time.monotonic()
        self._inbox.put(
            _Peer(sock, now + LINGER_TIMEOUT_S, now + IDLE_TIMEOUT_S, MAX_DISCARDED_BYTES)
        )
        with suppress(BlockingIOError):  # full: the thread will wake up anyway
            wake_sender.send(b"\0")

    def _start(self) -> socket.socket:
        """Start the thread with the first connection: threads do not survive gunicorn's fork."""
        with self._start_lock:
            if self._wake_sender is None:
                wake_sender, wake_receiver = socket.socketpair()
                wake_sender.setblocking(False)
                wake_receiver.setblocking(False)
                selector = selectors.DefaultSelector()
                selector.register(wake_receiver, selectors.EVENT_READ)
                threading.Thread(
                    target=self._run, args=(selector,), name="linger", daemon=True
                ).start()
                self._wake_sender = wake_sender
            return self._wake_sender

    def _run(self, selector: selectors.BaseSelector) -> None:
        swept_at = 0.0
        while True:
            for key, _ in selector.select(_SWEEP_INTERVAL_S if self._lingering else None):
                if key.data is None:
                    with suppress(BlockingIOError):
                        key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                elif self._read(key.data):
                    self._close(selector, key.data)
            self._register_new(selector)
            if time.monotonic() - swept_at >= _SWEEP_INTERVAL_S:
                swept_at = time.monotonic()
                peers = [key.data for key in selector.get_map().values() if key.data is not None]
                for peer in peers:
                    if swept_at > min(peer.deadline, peer.idle_deadline):
                        self._close(selector, peer)

    def _register_new(self, selector: selectors.BaseSelector) -> None:
        with suppress(Empty):
            while True:
                peer = self._inbox.get_nowait()
                try:
                    selector.register(peer.sock, selectors.EVENT_READ, peer)
                except OSError:  # the limit of epoll watches is reached
                    self._finish(peer)

    def _read(self, peer: _Peer) -> bool:
        """Discard received data. True: the peer has closed, or its byte limit is reached."""
        try:
            size = peer.sock.recv_into(self._buffer)
        except BlockingIOError:
            return False
        except OSError:
            return True
        peer.remaining_bytes -= size
        peer.idle_deadline = time.monotonic() + IDLE_TIMEOUT_S
        return size == 0 or peer.remaining_bytes <= 0

    def _close(self, selector: selectors.BaseSelector, peer: _Peer) -> None:
        selector.unregister(peer.sock)
        self._finish(peer)

    def _finish(self, peer: _Peer) -> None:
        with self._lingering_lock:
            self._lingering -= 1
        peer.sock.close()
