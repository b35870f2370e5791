"""Connections whose next request is not complete yet, by client.

Used by the accept loop only; not thread-safe.
"""

from __future__ import annotations

import itertools
import time
from typing import Generic, Protocol, TypeVar


class Connection(Protocol):
    """The attributes of a connection that its limits need."""

    client_id: str  #: the client that the limits count it for
    is_proxy: bool  #: a trusted proxy, which carries many clients
    pending_since: float  #: when it began to wait; monotonic
    deadline: float  #: when it has waited too long; monotonic


C = TypeVar("C", bound=Connection)

#: A connection younger than this is not closed to free a place: its request is probably on the
#: way.
MIN_AGE_S = 0.5


class PendingConnections(Generic[C]):
    """The pending connections of each client, oldest first."""

    def __init__(self, max_per_client: int) -> None:
        """max_per_client: does not apply to proxies."""
        self._max_per_client = max_per_client
        self._by_client: dict[str, dict[C, None]] = {}  # dicts as ordered sets

    def __bool__(self) -> bool:
        return bool(self._by_client)

    def add(self, conn: C) -> None:
        """Add a connection and note the time."""
        conn.pending_since = time.monotonic()
        self._by_client.setdefault(conn.client_id, {})[conn] = None

    def remove(self, conn: C) -> None:
        """Remove a connection. Raises KeyError if it is not pending."""
        connections = self._by_client[conn.client_id]
        del connections[conn]
        if not connections:
            del self._by_client[conn.client_id]

    def oldest_of_largest_client(self) -> C | None:
        """The connection to close when the server is full: the oldest one of the client that has
        the most. None: all are younger than MIN_AGE_S."""
        old_before = time.monotonic() - MIN_AGE_S
        for connections in sorted(self._by_client.values(), key=len, reverse=True):
            oldest = next(iter(connections))
            if oldest.pending_since < old_before:
                return oldest
        return None

    def over_limit(self) -> list[C]:
        """The connections above their client's limit, oldest first."""
        excess: list[C] = []
        old_before = time.monotonic() - MIN_AGE_S
        for connections in self._by_client.values():
            count = len(connections) - self._max_per_client
            if count > 0:
                oldest = itertools.islice(connections, count)
                excess += [c for c in oldest if not c.is_proxy and c.pending_since < old_before]
        return excess

    def expired(self) -> list[C]:
        """The connections whose deadline has passed."""
        now = time.monotonic()
        return [
            conn
            for connections in self._by_client.values()
            for conn in connections
            if conn.deadline < now
        ]

    def cap_deadlines(self, deadline: float) -> None:
        """Lower all deadlines to at most `deadline` (monotonic)."""
        for connections in self._by_client.values():
            for conn in connections:
                conn.deadline = min(conn.deadline, deadline)
