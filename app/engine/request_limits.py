"""Limits on the requests in flight: in all, and for each owner."""

from __future__ import annotations

from weakref import WeakSet

from app.engine.errors import Overloaded
from app.engine.metrics import EngineMetrics
from app.engine.request import Owner
from app.engine.request_handle import RequestHandle


class RequestLimits:
    """Not thread-safe: `AsyncEngine` calls it under its lock."""

    def __init__(
        self, metrics: EngineMetrics, max_in_flight: int, max_per_owner: int | None
    ) -> None:
        """max_per_owner: for owners that are `limited`; None: half of `max_in_flight`, at least
        one."""
        self._metrics, self._max_in_flight = metrics, max_in_flight
        self._max_per_owner = max_per_owner or max(1, max_in_flight // 2)
        self._handles: WeakSet[RequestHandle] = WeakSet()  #: may include ended ones

    @property
    def handles(self) -> list[RequestHandle]:
        """Accepted requests, some of which may have ended."""
        return list(self._handles)

    def add(self, handle: RequestHandle) -> None:
        """Accept a request. Raises Overloaded."""
        self.check(handle.owner)
        self._metrics.accepted += 1
        self._handles.add(handle)

    def check(self, owner: Owner) -> None:
        """Raises Overloaded when one more request of this owner would exceed a limit."""
        if self._metrics.in_flight >= self._max_in_flight:
            raise Overloaded(
                f"the server is busy with {self._max_in_flight} requests, its maximum "
                "(--max_in_flight); try again in a moment"
            )
        limit = self._max_per_owner
        if owner.limited and self._in_flight_of(owner) >= limit:
            raise Overloaded(
                f"this API key has {limit} requests in flight, the maximum for one key "
                "(--max_per_key); try again when one has finished"
            )

    def _in_flight_of(self, owner: Owner) -> int:
        return sum(not each.ended and each.owner.name == owner.name for each in self._handles)
