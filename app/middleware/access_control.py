"""Puts the whole of this room around an app, from its settings.

Knows nothing about routes or engines.
"""

from __future__ import annotations

from flask import Flask

from app.middleware.api_keys import KeyFile
from app.middleware.auth import guard
from app.middleware.cors import allow_origins
from app.middleware.hosts import THIS_MACHINE, PlainHosts, refuse_rebound_names
from app.middleware.proxy import OneProxy
from app.middleware.rate_limit import Rates


def control_access(app: Flask) -> None:
    """Hook keys, limits, hosts, origins and the proxy into `app`, behind what gives requests
    their id and time.

    Raises:
        StartupError: the API keys cannot be read.
    """
    settings = app.config
    names = settings["TRUSTED_HOSTS"]
    settings["TRUSTED_HOSTS"] = [*names, *THIS_MACHINE] if names else None
    path, allowed = settings["API_KEYS_FILE"], settings["RATE_LIMIT"]
    keys = None if path is None else KeyFile(path)
    if not names and keys is None:
        refuse_rebound_names(app, settings["CORS_ORIGINS"])
    guard(app, keys, Rates(allowed) if allowed else None, settings["REQUEST_TIMEOUT"])
    allow_origins(app, settings["CORS_ORIGINS"])
    proxied = OneProxy(PlainHosts(app.wsgi_app), settings["TRUSTED_PROXIES"])
    app.wsgi_app = proxied  # type: ignore[assignment,method-assign]
