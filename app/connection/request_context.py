"""One request's client, deadline, cache owner, and what the engine does for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.connection.client_connection import ClientConnection
from app.engine.request import ANONYMOUS, Owner
from app.engine.request_handle import RequestHandle
from app.protocol.errors import ClientGone, DeadlinePassed

#: Upper bound of one wait for the engine; events and disconnects end it earlier.
MAX_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class RequestContext:
    """Used by the request's thread."""

    name: str  #: for the log: a key's name or an address
    connection: ClientConnection
    deadline: float  #: monotonic
    owner: Owner = ANONYMOUS  #: of the request's slots and cached prompts
    handles: list[RequestHandle] = field(default_factory=list)  #: accepted by the engine
    request_id: str = ""  #: as in the log and the response's headers

    def wait_timeout_s(self) -> float:
        """How long to wait for the next event. Raises DeadlinePassed after the deadline."""
        remaining_s = self.deadline - time.monotonic()
        if remaining_s <= 0:
            raise DeadlinePassed("The request took longer than this server allows")
        return min(remaining_s, MAX_WAIT_S)

    def raise_if_disconnected(self) -> None:
        """Raise ClientGone if the client has disconnected."""
        if self.connection.disconnected:
            raise ClientGone("The client closed the connection")

    @contextmanager
    def cancel_on_disconnect(self, cancel: Callable[[], None]) -> Iterator[None]:
        """Call `cancel` when the client disconnects, and in any case when the block ends."""
        try:
            with self.connection.watch_disconnect(cancel):
                yield
        finally:
            cancel()
