"""Tells a form posted by this server's own page from one posted by another site's.

Knows nothing about Flask or sessions: there are none, but a page elsewhere could still make
a visitor's browser spend this server's time.
"""

from __future__ import annotations

from urllib.parse import urlsplit


def is_cross_site(fetch_site: str | None, origin: str | None, host: str) -> bool:
    """True when a browser says, by Sec-Fetch-Site or Origin, that the request comes from
    elsewhere than `host`. Programs that are no browsers send neither header."""
    if fetch_site is not None:
        return fetch_site not in ("same-origin", "none")
    return origin is not None and urlsplit(origin).netloc != host
