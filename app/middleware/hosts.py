"""Checks the Host header against DNS rebinding.

A page at evil.example can make its own name resolve to this machine; browsers then treat this
server as same-origin with that page.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from flask import Flask, request

from app.middleware.proxy import PEER_ADDRESS
from app.protocol.errors import BadRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Always allowed beside --trusted_hosts: probes and scrapers on this machine use them.
LOOPBACK_NAMES = ("localhost", "127.0.0.1")
#: No one can register a public name below these.
_PRIVATE_SUFFIXES = (".localhost", ".local", ".lan", ".internal", ".home.arpa")


class LowercaseHost:
    """WSGI middleware: lower-cases the Host header; host names are case-insensitive."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if "HTTP_HOST" in environ:
            environ["HTTP_HOST"] = environ["HTTP_HOST"].lower()
        return self._app(environ, start)


def block_dns_rebinding(app: Flask, origins: Sequence[str]) -> None:
    """Reject browsers' requests to a host name that an attacker could have registered. For a
    server without API keys and --trusted_hosts.

    origins: allowed CORS origins, or "*".
    """
    hostname = socket.gethostname().lower()

    @app.before_request
    def refuse() -> None:
        name = _without_port(request.environ.get("HTTP_HOST", ""))
        if name == hostname or is_safe_from_rebinding(name) or not _is_from_browser():
            return
        headers = request.headers
        # Browsers send Sec-Fetch-Site only to secure contexts: over TLS, where the certificate
        # proves the name, or to localhost. No script can set it.
        if "Sec-Fetch-Site" in headers or "*" in origins or headers.get("Origin") in origins:
            return
        # A Unix socket has no address: only a proxy uses it, which checks names itself.
        if not request.environ[PEER_ADDRESS]:
            return
        raise BadRequest(
            f"The Host header {name[:100]!r} is not trusted: start the server with "
            f"--trusted_hosts {name[:100]} or with API keys, or use its IP address"
        )


def is_safe_from_rebinding(name: str) -> bool:
    """Whether no attacker can register `name`: an IP address, a name without dots, or one in a
    private domain."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        bare_name = name.rstrip(".")
        return "." not in bare_name or bare_name.endswith(_PRIVATE_SUFFIXES)
    return True


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _is_from_browser() -> bool:
    headers = request.headers
    agent = headers.get("User-Agent", "")
    return "Origin" in headers or "Referer" in headers or agent.startswith("Mozilla/")
