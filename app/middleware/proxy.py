"""The client's address: of the connection, or forwarded by one trusted proxy."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: WSGI environ key: the address of the connection's peer, which may be a proxy.
PEER_ADDRESS = "westlake.peer"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Networks:
    """A set of IP networks; `address in networks` tests membership."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]

    def __contains__(self, peer: str) -> bool:
        address = _parse_address(peer)
        return address is not None and any(address in network for network in self._networks)


class TrustedProxyFix:
    """WSGI middleware: applies exactly one hop of X-Forwarded-For and X-Forwarded-Proto, and
    only if the connection comes from a trusted proxy. A Unix socket counts as one."""

    def __init__(self, app: WSGIApplication, trusted: Sequence[str]) -> None:
        """trusted: addresses and networks of proxies."""
        self._direct = app
        self._proxied = ProxyFix(app, x_for=1, x_proto=1, x_host=0, x_port=0, x_prefix=0)
        self._trusted = Networks(trusted)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        peer = environ.get("REMOTE_ADDR", "")
        environ[PEER_ADDRESS] = peer
        app = self._proxied if not peer or peer in self._trusted else self._direct
        return app(environ, start)


def is_loopback(peer: str | None) -> bool:
    """Whether `peer` is a loopback address. False for a Unix socket, which a proxy uses."""
    address = _parse_address(peer or "")
    return address is not None and address.is_loopback


def rate_limit_identity(peer: str | None) -> str:
    """The key under which an address is counted: itself, or its /64 network if IPv6, because
    one customer usually has a whole /64."""
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
