"""Who waits for one answer: where it goes, until when, and what it may share with others.

Knows nothing about keys, addresses or what was asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.connection.client_connection import ClientConnection
from app.engine.types import ANONYMOUS, Owner
from app.protocol.errors import ClientGone, DeadlinePassed

#: How long a thread sleeps when nothing happens. News of the engine or the client wake it.
MAX_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request's client. Used by that request's thread."""

    name: str  #: for the log: a key's name or an address
    connection: ClientConnection
    deadline: float  #: monotonic
    owner: Owner = ANONYMOUS  #: whose places and cached prompts it uses

    def wait_timeout_s(self) -> float:
        """How long to wait for the next news. Raises DeadlinePassed when the time is up."""
        remaining_s = self.deadline - time.monotonic()
        if remaining_s <= 0:
            raise DeadlinePassed("The request took longer than this server allows")
        return min(remaining_s, MAX_WAIT_S)

    def raise_if_disconnected(self) -> None:
        """Raises ClientGone when the client has closed its connection."""
        if self.connection.disconnected:
            raise ClientGone("The client closed the connection")

    @contextmanager
    def cancel_on_disconnect(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Call `cancel` as soon as the client leaves, and in any case when the block ends."""
        try:
            with self.connection.watch_disconnect(cancel):
                yield
        finally:
            cancel()
