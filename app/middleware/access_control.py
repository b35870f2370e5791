"""Registers authentication, rate limits, host checks, CORS and the proxy fix, from settings."""

from __future__ import annotations

from flask import Flask

from app.middleware.api_keys import ApiKeyFile
from app.middleware.auth import register_authentication
from app.middleware.cors import enable_cors
from app.middleware.hosts import LOOPBACK_NAMES, LowercaseHost, block_dns_rebinding
from app.middleware.proxy import TrustedProxyFix
from app.middleware.rate_limit import RateLimiter


def register_access_control(app: Flask) -> None:
    """Register all access control on `app`. Call after `register_request_log`, which sets
    `g.started_at`.

    Raises:
        StartupError: the API keys cannot be read.
    """
    settings = app.config
    names = settings["TRUSTED_HOSTS"]
    settings["TRUSTED_HOSTS"] = [*names, *LOOPBACK_NAMES] if names else None
    path, limits = settings["API_KEYS_FILE"], settings["RATE_LIMIT"]
    keys = None if path is None else ApiKeyFile(path)
    if not names and keys is None:
        block_dns_rebinding(app, settings["CORS_ORIGINS"])
    register_authentication(
        app, keys, RateLimiter(limits) if limits else None, settings["REQUEST_TIMEOUT"]
    )
    enable_cors(app, settings["CORS_ORIGINS"])
    wsgi_app = TrustedProxyFix(LowercaseHost(app.wsgi_app), settings["TRUSTED_PROXIES"])
    app.wsgi_app = wsgi_app  # type: ignore[assignment,method-assign]
