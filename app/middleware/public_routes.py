"""Which routes need a key: all but those named here.

Knows nothing about paths: a route is known by its endpoint, whatever a request calls it.
"""

from __future__ import annotations

from enum import Enum


class Access(Enum):
    """What a route asks for where the server has keys."""

    OPEN = "open"  #: nothing
    LOCAL = "local"  #: nothing from this machine, a key from elsewhere
    KEYED = "keyed"  #: a key; and its requests are counted against the rate limit


_OPEN = frozenset(
    (
        "static",
        "playground.show",
        "health.health",
        "health.ready",
        "openapi.document",
        "openapi.page",
    )
)
_LOCAL = frozenset(("metrics.metrics",))


def access_to(endpoint: str | None) -> Access:
    """What `endpoint` asks for; None: there is no such route."""
    if endpoint in _OPEN:
        return Access.OPEN
    return Access.LOCAL if endpoint in _LOCAL else Access.KEYED
