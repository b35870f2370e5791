"""Who waits for what: connections that have sent no whole request yet, and those that wait for
one of few places.

Knows nothing about sockets: a connection is whatever has the attributes of `Peer`. All belongs to
the loop that accepts.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Peer(Protocol):
    """What is asked of a connection."""

    client_id: str  #: whose it is
    is_proxy: bool  #: a proxy, which speaks for many
    pending_since: float  #: when it began to wait, monotonic
    deadline: float  #: when it has waited long enough, monotonic


P = TypeVar("P", bound=Peer)

#: Who came just now gives way to nobody: its request is probably on the way.
MIN_AGE_S = 0.5


class PendingConnections(Generic[P]):
    """Connections without a whole request, the oldest of each client first."""

    def __init__(self, per_client: int) -> None:
        """per_client: how many one client may have, proxies apart."""
        self._per_client = per_client
        self._clients: dict[str, dict[P, None]] = {}

    def __bool__(self) -> bool:
        return bool(self._clients)

    def add(self, peer: P) -> None:
        """Take one in."""
        peer.pending_since = time.monotonic()
        self._clients.setdefault(peer.client_id, {})[peer] = None

    def remove(self, peer: P) -> None:
        """Let one go."""
        own = self._clients[peer.client_id]
        del own[peer]
        if not own:
            del self._clients[peer.client_id]

    def oldest_of_largest_client(self) -> P | None:
        """Who gives way when there is no place left: the oldest of the client that has most."""
        settled_before = time.monotonic() - MIN_AGE_S
        for own in sorted(self._clients.values(), key=len, reverse=True):
            oldest = next(iter(own))
            if oldest.pending_since < settled_before:
                return oldest
        return None

    def over_limit(self) -> list[P]:
        """Those that are too many for their client, the oldest first."""
        found: list[P] = []
        settled_before = time.monotonic() - MIN_AGE_S
        for own in self._clients.values():
            many = len(own) - self._per_client
            if many > 0:
                oldest = itertools.islice(own, many)
                found += [p for p in oldest if not p.is_proxy and p.pending_since < settled_before]
        return found

    def expired(self) -> list[P]:
        """Those that have waited long enough."""
        now = time.monotonic()
        return [peer for own in self._clients.values() for peer in own if peer.deadline < now]

    def cap(self, deadline: float) -> None:
        """None may wait longer than until then, monotonic."""
        for own in self._clients.values():
            for peer in own:
                peer.deadline = min(peer.deadline, deadline)


class UploadSlots(Generic[P]):
    """A few places, and a queue before them. What comes late to the queue's end leaves it."""

    def __init__(self, places: int, per_client: int, wait_timeout_s: float) -> None:
        """per_client: how many one client may hold, proxies apart."""
        self._places, self._per_client, self._patience_s = places, per_client, wait_timeout_s
        self._held: dict[P, None] = {}
        self._held_by: Counter[str] = Counter()
        self._queue: deque[P] = deque()

    def request(self, peer: P, begin: Callable[[P], object]) -> None:
        """Begin with `peer`, now or later."""
        peer.deadline = time.monotonic() + self._patience_s
        self._queue.append(peer)
        self._fill(begin)

    def release(self, peer: P, begin: Callable[[P], object]) -> None:
        """Its place, if it still has one, is the next one's."""
        if peer not in self._held:
            return
        del self._held[peer]
        self._held_by[peer.client_id] -= 1
        if not self._held_by[peer.client_id]:
            del self._held_by[peer.client_id]
        self._fill(begin)

    def expired(self) -> list[P]:
        """Those whose turn did not come in time; they have left the queue."""
        now, late = time.monotonic(), []
        while self._queue and self._queue[0].deadline < now:
            late.append(self._queue.popleft())
        return late

    def _fill(self, begin: Callable[[P], object]) -> None:
        passed: list[P] = []
        while self._queue and len(self._held) < self._places:
            peer = self._queue.popleft()
            if self._held_by[peer.client_id] >= self._per_client and not peer.is_proxy:
                passed.append(peer)
                continue
            self._held[peer] = None
            self._held_by[peer.client_id] += 1
            begin(peer)
        self._queue.extendleft(reversed(passed))
