"""Lets a request in or turns it away before anything reads it, and says who it comes from.

Knows nothing about what is asked: the route's endpoint, the key and the address decide.
"""

from __future__ import annotations

import math

from flask import Flask, g, request

from app.connection.client import Connection
from app.connection.request_context import RequestContext
from app.engine.types import Owner
from app.middleware.api_keys import ApiKey, KeyFile
from app.middleware.credentials import presented_keys
from app.middleware.proxy import client_of, is_this_machine
from app.middleware.public_routes import Access, access_to
from app.middleware.rate_limit import Rates
from app.protocol.errors import KeyRefused


def guard(app: Flask, keys: KeyFile | None, rates: Rates | None, timeout_s: float) -> None:
    """Hook the gate into `app`, behind what gives requests their id and time.

    keys: None: everybody may ask; timeout_s: how long an answer may take, 0: no limit.
    """

    @app.before_request
    def let_in() -> None:
        address = client_of(request.remote_addr)
        deadline = g.started_at + timeout_s if timeout_s else math.inf
        connection = Connection(request.environ, app.extensions["watcher"])
        g.request_context = RequestContext(address, connection, deadline)
        access = access_to(request.endpoint)
        # A preflight carries no key, and OPTIONS runs no view.
        if access is Access.OPEN or request.method == "OPTIONS":
            return
        local = access is Access.LOCAL and is_this_machine(request.remote_addr)
        key = None if keys is None or local else _key(keys)
        if rates is not None and (access is Access.KEYED or isinstance(key, KeyRefused)):
            rates.take(f"key {key.scope}" if isinstance(key, ApiKey) else f"address {address}")
        if isinstance(key, KeyRefused):
            raise key
        if key is not None:
            g.request_context = RequestContext(key.name, connection, deadline, _owner(key, keys))


def _owner(key: ApiKey, keys: KeyFile | None) -> Owner:
    """A key that is the only one may have all places."""
    return Owner(key.scope, limited=keys is not None and keys.several)


def _key(keys: KeyFile) -> ApiKey | KeyRefused:
    headers = request.headers
    presented = presented_keys(headers.get("Authorization"), headers.get("X-Api-Key"))
    if not presented:
        return KeyRefused("This server needs an API key: Authorization: Bearer YOUR_KEY")
    found = [key for key in map(keys.find, presented) if key is not None]
    return found[0] if found else KeyRefused("The API key is not one of this server's")
