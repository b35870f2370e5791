"""Where a request comes from, told by its connection or by the one proxy in front.

Knows nothing about keys or routes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: The environ's key of who is at the other end of the connection, a proxy or not.
PEER_ADDRESS = "westlake.peer"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Networks:
    """Addresses and networks, of which an address is one or not."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]

    def __contains__(self, peer: str) -> bool:
        address = _parse_address(peer)
        return address is not None and any(address in network for network in self._networks)


class TrustedProxyFix:
    """WSGI middleware: exactly one hop of X-Forwarded-For and -Proto counts, and only where the
    connection comes from a trusted proxy. Who may reach a Unix socket is one."""

    def __init__(self, app: WSGIApplication, trusted: Sequence[str]) -> None:
        """trusted: addresses and networks."""
        self._direct = app
        self._proxied = ProxyFix(app, x_for=1, x_proto=1, x_host=0, x_port=0, x_prefix=0)
        self._trusted = Networks(trusted)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        peer = environ.get("REMOTE_ADDR", "")
        environ[PEER_ADDRESS] = peer
        app = self._proxied if not peer or peer in self._trusted else self._direct
        return app(environ, start)


def is_loopback(peer: str | None) -> bool:
    """True for a loopback address. A Unix socket has none: whoever uses it is a proxy."""
    address = _parse_address(peer or "")
    return address is not None and address.is_loopback


def rate_limit_identity(peer: str | None) -> str:
    """Whom an address stands for: itself, or the /64 network one IPv6 customer has."""
    address = _parse_address(peer or "")
    if address is None:
        return (peer or "local")[:64]
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)


def _parse_address(peer: str) -> Address | None:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
