"""Authenticates each request, applies the rate limit and creates its `RequestContext`."""

from __future__ import annotations

import math

from flask import Flask, g, request

from app.connection.client_connection import ClientConnection
from app.connection.request_context import RequestContext
from app.engine.request import Owner
from app.middleware.api_keys import ApiKey, ApiKeyFile
from app.middleware.credentials import presented_keys
from app.middleware.proxy import is_loopback, rate_limit_identity
from app.middleware.public_routes import Access, access_of_endpoint
from app.middleware.rate_limit import RateLimiter
from app.protocol.errors import KeyRefused


def register_authentication(
    app: Flask, keys: ApiKeyFile | None, limiter: RateLimiter | None, timeout_s: float
) -> None:
    """Register authentication on `app`. Call after `register_request_log`.

    keys: None: no key is needed; limiter: None: no rate limit; timeout_s: of a whole request,
    0: no limit.
    """

    @app.before_request
    def authenticate() -> None:
        address = rate_limit_identity(request.remote_addr)
        deadline = g.started_at + timeout_s if timeout_s else math.inf
        connection = ClientConnection(request.environ, app.extensions["watcher"])
        g.request_context = RequestContext(address, connection, deadline, request_id=g.request_id)
        access = access_of_endpoint(request.endpoint)
        # CORS preflights carry no key, and OPTIONS runs no view.
        if access is Access.PUBLIC or request.method == "OPTIONS":
            return
        without_key = access is Access.PUBLIC_ON_LOOPBACK and is_loopback(request.remote_addr)
        key = None if keys is None or without_key else _check_key(keys)
        if limiter is not None and (access is Access.API_KEY or isinstance(key, KeyRefused)):
            limiter.check(f"key {key.scope}" if isinstance(key, ApiKey) else f"address {address}")
        if isinstance(key, KeyRefused):
            raise key
        if key is not None:
            g.request_context = RequestContext(
                key.name,
                connection,
                deadline,
                _cache_owner(key, keys),
                request_id=g.request_id,
            )


def _cache_owner(key: ApiKey, keys: ApiKeyFile | None) -> Owner:
    """The owner of the request's slots and cached prompts. The limit per key only applies if
    there is more than one."""
    limited = keys is not None and keys.has_several
    return Owner(key.scope, limited=limited, key_name=key.name)


def _check_key(keys: ApiKeyFile) -> ApiKey | KeyRefused:
    headers = request.headers
    presented = presented_keys(headers.get("Authorization"), headers.get("X-Api-Key"))
    if not presented:
        either = "Authorization: Bearer YOUR_KEY, or x-api-key: YOUR_KEY"
        return KeyRefused(f"This server requires an API key: {either}")
    valid = [key for key in map(keys.find, presented) if key is not None]
    return valid[0] if valid else KeyRefused("The API key is invalid")
