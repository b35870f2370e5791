"""By which names the server may be called, and by whom: other people's names may point here.

Knows nothing about routes. A page at evil.example can let its own name lead to this machine (DNS
rebinding); its visitors' browsers then take this server for a part of that page.
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

#: Names that only someone on this machine uses for it; probes and scrapers do.
LOOPBACK_NAMES = ("localhost", "127.0.0.1")
#: Nobody can buy a name below these.
_PRIVATE_SUFFIXES = (".localhost", ".local", ".lan", ".internal", ".home.arpa")


class LowercaseHost:
    """WSGI middleware: names of hosts are the same in capital and small letters."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if "HTTP_HOST" in environ:
            environ["HTTP_HOST"] = environ["HTTP_HOST"].lower()
        return self._app(environ, start)


def block_dns_rebinding(app: Flask, origins: Sequence[str]) -> None:
    """Hook into `app`, which has neither keys nor names of its own to be called by: what a
    browser sends to a name that could be anybody's is refused.

    origins: web origins whose pages may ask, or "*".
    """
    hostname = socket.gethostname().lower()

    @app.before_request
    def refuse() -> None:
        name = _without_port(request.environ.get("HTTP_HOST", ""))
        if name == hostname or is_safe_from_rebinding(name) or not _is_from_browser():
            return
        headers = request.headers
        # Only told of pages that came over TLS, where the browser has checked the name; and
        # no script can set it.
        if "Sec-Fetch-Site" in headers or "*" in origins or headers.get("Origin") in origins:
            return
        # Who may reach a Unix socket is a proxy, which has been told its names.
        if not request.environ[PEER_ADDRESS]:
            return
        raise BadRequest(
            f"This server is not known by the name {name[:100]!r}: start it with "
            f"--trusted_hosts {name[:100]}, with API keys, or call it by its address"
        )


def is_safe_from_rebinding(name: str) -> bool:
    """True for what is no name that others could let lead here: addresses, names of one word,
    and private domains."""
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
