"""Gives every request an id, counts it, and logs one line when it has been answered.

Knows nothing about bodies: neither prompts nor answers are ever logged.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter

import shortuuid
from flask import Flask, Response, g, request

_log = logging.getLogger("app.access")
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

RouteKey = tuple[str, str, int]  #: route, method, status


class RequestCounter:
    """Answered requests by route, method and status. Each thread writes a table of its own,
    so that no request ever waits for another's; reading adds them up."""

    def __init__(self) -> None:
        self._tables: dict[int, Counter[RouteKey]] = {}

    def add(self, key: RouteKey) -> None:
        """Count one request."""
        self._tables.setdefault(threading.get_ident(), Counter())[key] += 1

    def totals(self) -> dict[RouteKey, int]:
        """All of them, as of now."""
        total: Counter[RouteKey] = Counter()
        for table in list(self._tables.values()):
            total.update(table.copy())
        return dict(total)


def watch_requests(app: Flask) -> RequestCounter:
    """Hook ids, counting and the access log into `app`."""
    counter = RequestCounter()

    @app.before_request
    def begin() -> None:
        sent = request.headers.get("X-Request-Id", "")
        g.request_id = sent if _SANE_ID.fullmatch(sent) else shortuuid.uuid()
        g.started_at = time.monotonic()

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.request_id
        route = request.url_rule.rule if request.url_rule is not None else "other"
        method = request.method if request.method in _METHODS else "other"
        counter.add((route, method, response.status_code))
        line = _AccessLine(g.request_id, method, request.path, response.status_code, g.started_at)
        response.call_on_close(line.write)
        return response

    return counter


class _AccessLine:
    """Written when the last byte has gone out, or the client has gone."""

    def __init__(self, request_id: str, method: str, path: str, status: int, at: float) -> None:
        self._request_id, self._method, self._path = request_id, method, path[:200]
        self._status, self._started_at = status, at

    def write(self) -> None:
        elapsed_ms = (time.monotonic() - self._started_at) * 1000
        # %r: a path may hold line ends and escapes.
        _log.info(
            "%s %r %d %.1f ms %s",
            self._method,
            self._path,
            self._status,
            elapsed_ms,
            self._request_id,
        )
