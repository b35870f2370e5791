"""Tells a form of this server's page from one that another site's page posts.

There are no sessions to steal, but a page elsewhere could spend this server's compute through a
visitor's browser.
"""

from __future__ import annotations

from urllib.parse import urlsplit


def is_cross_site(fetch_site: str | None, origin: str | None, host: str) -> bool:
    """True when a browser says, by Sec-Fetch-Site or Origin, that the request comes from
    elsewhere than `host`. Programs that are no browsers send neither header."""
    if fetch_site is not None:
        return fetch_site not in ("same-origin", "none")
    return origin is not None and urlsplit(origin).netloc != host
