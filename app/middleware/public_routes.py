"""Which routes need a key: all but those named here.

Knows nothing about paths: a route is known by its endpoint, whatever a request calls it.
"""

from __future__ import annotations

from enum import Enum


class Access(Enum):
    """What a route asks for where the server has keys."""

    PUBLIC = "open"  #: nothing
    PUBLIC_ON_LOOPBACK = "local"  #: nothing from this machine, a key from elsewhere
    API_KEY = "keyed"  #: a key; and its requests are counted against the rate limit


_PUBLIC = frozenset(
    (
        "static",
        "playground.show",
        "health.health",
        "health.ready",
        "openapi.document",
        "openapi.page",
    )
)
_PUBLIC_ON_LOOPBACK = frozenset(("metrics.metrics",))


def access_of_endpoint(endpoint: str | None) -> Access:
    """What `endpoint` asks for; None: there is no such route."""
    if endpoint in _PUBLIC:
        return Access.PUBLIC
    return Access.PUBLIC_ON_LOOPBACK if endpoint in _PUBLIC_ON_LOOPBACK else Access.API_KEY
