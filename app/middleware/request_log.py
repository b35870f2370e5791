"""Gives every request an id, counts it, and logs one line when it has been answered.

Knows nothing about bodies: neither prompts nor answers are ever logged.
"""

from __future__ import annotations

import logging
import re
import time

import shortuuid
from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, disable_created_metrics

_log = logging.getLogger(__name__)
_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


def register_request_log(app: Flask) -> CollectorRegistry:
    """Hook ids, counting and the access log into `app`; returns where the counts are."""
    # When a counter began would be a second line for each, which nobody reads.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    answered = Counter(
        "http_requests",
        "Requests answered.",
        ["route", "method", "status"],
        namespace="westlake",
        registry=registry,
    )

    @app.before_request
    def begin() -> None:
        sent = request.headers.get("X-Request-Id", "")
        g.request_id = sent if _VALID_ID.fullmatch(sent) else shortuuid.uuid()
        g.started_at = time.monotonic()

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.request_id
        route = request.url_rule.rule if request.url_rule is not None else "other"
        method = request.method if request.method in _METHODS else "other"
        answered.labels(route, method, str(response.status_code)).inc()
        response.call_on_close(_AccessLogEntry(method, response.status_code).write)
        return response

    return registry


class _AccessLogEntry:
    """Written when the last byte has gone out, or the client has gone."""

    def __init__(self, method: str, status: int) -> None:
        self._started_at: float = g.started_at
        self._fields = {
            "method": method,
            "path": request.path[:200],
            "status": status,
            "client": g.request_context.name if "request_context" in g else "",
            "request_id": g.request_id,
        }

    def write(self) -> None:
        elapsed_ms = round((time.monotonic() - self._started_at) * 1000, 1)
        _log.info("answered", extra={"fields": {**self._fields, "ms": elapsed_ms}})
