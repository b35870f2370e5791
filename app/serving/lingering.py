"""Closes connections so that the last answer arrives, even while the client still sends.

Knows nothing about HTTP. A socket closed with unread data makes the system reset the
connection, and a reset throws away what the client has not read: a 413 told to someone in the
middle of an upload would be lost. So we close our sending half and read until the client
closes, for a bounded time and amount; one thread does it for all connections.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from dataclasses import dataclass

#: Seconds a peer may stay silent before it is closed, and may go on sending.
SILENCE_S = 2.0
LINGER_S = 30.0
#: Bytes read and thrown away: an upload over any limit that a server of ours has.
DRAIN_BYTES = 2 << 30
#: Connections that linger at once; more are closed at once.
MAX_LINGERING = 1024
#: One turn's read: large, because whoever uploads gigabytes must not keep the thread.
_READ_BYTES = 1 << 18
_LOOK_S = 0.25


@dataclass(slots=True)
class _Peer:
    sock: socket.socket
    ends_at: float  #: monotonic
    silent_at: float  #: monotonic
    left_bytes: int


class Lingerer:
    """Any thread may call `close`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the selector's map and the thread's start
        self._selector: selectors.BaseSelector | None = None
        self._wake: socket.socket | None = None
        self._buffer = bytearray(_READ_BYTES)

    def close(self, sock: socket.socket) -> None:
        """Close `sock`, once its peer has had the time to read what was sent. Returns at once."""
        try:
            sock.setblocking(False)
            sock.shutdown(socket.SHUT_WR)
        except OSError:  # the peer has gone already
            sock.close()
            return
        now = time.monotonic()
        peer = _Peer(sock, now + LINGER_S, now + SILENCE_S, DRAIN_BYTES)
        with self._lock:
            try:
                selector = self._selector or self._start()
                if len(selector.get_map()) > MAX_LINGERING:
                    sock.close()
                    return
                selector.register(sock, selectors.EVENT_READ, peer)
                assert self._wake is not None
                self._wake.send(b"\0")
            except OSError:  # no descriptors left
                sock.close()

    def _start(self) -> selectors.BaseSelector:
        """With the first connection, because a thread does not survive gunicorn's fork."""
        self._wake, woken = socket.socketpair()
        self._selector = selector = selectors.DefaultSelector()
        selector.register(woken, selectors.EVENT_READ)
        threading.Thread(target=self._run, args=(selector,), name="linger", daemon=True).start()
        return selector

    def _run(self, selector: selectors.BaseSelector) -> None:
        looked_at = 0.0
        while True:
            alone = len(selector.get_map()) == 1
            for key, _ in selector.select(None if alone else _LOOK_S):
                if key.data is None:
                    key.fileobj.recv(4096)  # type: ignore[union-attr]
                elif self._read(key.data):
                    self._end(selector, key.data)
            if time.monotonic() - looked_at >= _LOOK_S:
                looked_at = time.monotonic()
                self._end_the_late(selector, looked_at)

    def _end_the_late(self, selector: selectors.BaseSelector, now: float) -> None:
        with self._lock:
            peers = [key.data for key in selector.get_map().values() if key.data is not None]
        for peer in peers:
            if now > min(peer.ends_at, peer.silent_at):
                self._end(selector, peer)

    def _read(self, peer: _Peer) -> bool:
        """Take what has come; True when that was the last."""
        try:
            size = peer.sock.recv_into(self._buffer)
        except BlockingIOError:
            return False
        except OSError:
            return True
        peer.left_bytes -= size
        peer.silent_at = time.monotonic() + SILENCE_S
        return size == 0 or peer.left_bytes <= 0

    def _end(self, selector: selectors.BaseSelector, peer: _Peer) -> None:
        with self._lock:
            selector.unregister(peer.sock)
        peer.sock.close()
