"""The routes that need no API key, by endpoint. All others need one."""

from __future__ import annotations

from enum import Enum


class Access(Enum):
    """What a route requires if the server has API keys."""

    PUBLIC = "public"  #: no key
    PUBLIC_ON_LOOPBACK = "public_on_loopback"  #: no key from a loopback address, else a key
    API_KEY = "api_key"  #: a key; requests count against the rate limit


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
    """What `endpoint` requires. None (no such route): a key."""
    if endpoint in _PUBLIC:
        return Access.PUBLIC
    return Access.PUBLIC_ON_LOOPBACK if endpoint in _PUBLIC_ON_LOOPBACK else Access.API_KEY
