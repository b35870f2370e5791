"""Request ids, the request counter and the access log.

Prompts and generated text are never logged.
"""

from __future__ import annotations

import logging
import re
import time

import shortuuid
from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, disable_created_metrics

from app.engine.request_handle import RequestHandle
from app.protocol.api_family import ANTHROPIC_VERSION, ApiFamily, api_family

_log = logging.getLogger(__name__)
_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


def register_request_log(app: Flask) -> CollectorRegistry:
    """Register ids, counter and access log on `app`; returns the counter's registry."""
    # Omit the *_created series, a second line for each counter.
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
        family = api_family(request.path, request.headers.get(ANTHROPIC_VERSION))
        if family is ApiFamily.ANTHROPIC:
            response.headers["Request-Id"] = g.request_id  # where Anthropic's clients look for it
        route = request.url_rule.rule if request.url_rule is not None else "other"
        method = request.method if request.method in _METHODS else "other"
        answered.labels(route, method, str(response.status_code)).inc()
        response.call_on_close(_AccessLogEntry(method, response.status_code).write)
        return response

    return registry


class _AccessLogEntry:
    """One line, written after the last byte was sent or the client has disconnected. A request
    for the engine has its tokens in it; if it was cancelled, as many as were counted until then."""

    def __init__(self, method: str, status: int) -> None:
        self._started_at: float = g.started_at
        self._handles: list[RequestHandle] = (
            g.request_context.handles if "request_context" in g else []
        )
        self._fields = {
            "method": method,
            "path": request.path[:200],
            "status": status,
            "client": g.request_context.name if "request_context" in g else "",
            "request_id": g.request_id,
        }

    def write(self) -> None:
        elapsed_ms = round((time.monotonic() - self._started_at) * 1000, 1)
        fields = {**self._fields, "ms": elapsed_ms, **_tokens(self._handles)}
        _log.info("answered", extra={"fields": fields})


def _tokens(handles: list[RequestHandle]) -> dict[str, int]:
    """Tokens that were counted for the request's API key."""
    queued = [handle for handle in handles if handle.queued]
    if not queued:
        return {}
    return {
        "prompt_tokens": sum(handle.prompt_tokens for handle in queued),
        "completion_tokens": sum(handle.generation_tokens for handle in queued),
        "cached_tokens": sum(handle.cached_tokens for handle in queued),
    }
