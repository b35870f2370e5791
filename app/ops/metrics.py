"""GET /metrics: the engine's counters and the requests answered, in Prometheus' text format.

Knows nothing about how they are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flask import Blueprint, Response, current_app

from app.engine import Engine
from app.engine.types import Stats
from app.ops.requests import RequestCounter, RouteKey

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "westlake_"


def metrics_blueprint(counter: RequestCounter) -> Blueprint:
    """The route."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    def metrics() -> Response:
        engine: Engine = current_app.extensions["engine"]
        text = render_metrics(engine.stats, counter.totals())
        return Response(text, content_type=_CONTENT_TYPE)

    return blueprint


def render_metrics(stats: Stats, requests: Mapping[RouteKey, int]) -> str:
    """All metrics as one text."""
    lines: list[str] = []
    for name, kind, help_text, value in _scalars(stats):
        lines += [*_head(name, kind, help_text), f"{_PREFIX}{name} {value}"]
    lines += _head("finished_total", "counter", "Choices that ended, by reason.")
    for reason, count in stats.finished:
        lines.append(f'{_PREFIX}finished_total{{reason="{_escaped(reason)}"}} {count}')
    lines += _histogram(
        "time_to_first_token_seconds",
        "From a request's acceptance to its first token.",
        stats.ttft_seconds,
        stats.ttft_sum_seconds,
    )
    lines += _histogram(
        "inter_token_latency_seconds",
        "Between two tokens of one choice.",
        stats.itl_seconds,
        stats.itl_sum_seconds,
    )
    lines += _head("http_requests_total", "counter", "Requests answered.")
    for (route, method, status), count in sorted(requests.items()):
        labels = f'route="{_escaped(route)}",method="{method}",status="{status}"'
        lines.append(f"{_PREFIX}http_requests_total{{{labels}}} {count}")
    return "\n".join(lines) + "\n"


def _scalars(stats: Stats) -> Iterable[tuple[str, str, str, float]]:
    yield "requests_running", "gauge", "Requests being answered.", stats.running
    yield "requests_waiting", "gauge", "Requests accepted and not begun.", stats.waiting
    yield "kv_cache_usage_ratio", "gauge", "Share of the KV cache in use.", stats.kv_usage_ratio
    yield "prompt_tokens_total", "counter", "Prompt tokens read.", stats.prompt_tokens
    yield "generation_tokens_total", "counter", "Tokens generated.", stats.generation_tokens
    queried, reused = stats.prefix_queried_tokens, stats.prefix_reused_tokens
    yield "prefix_cache_queries_total", "counter", "Prompt tokens looked up.", queried
    yield "prefix_cache_hits_total", "counter", "Prompt tokens found.", reused
    yield "requests_accepted_total", "counter", "Requests accepted.", stats.accepted
    yield "requests_completed_total", "counter", "Requests answered to the end.", stats.completed
    yield "requests_failed_total", "counter", "Requests lost to a fault.", stats.failed
    yield "requests_cancelled_total", "counter", "Requests given up by clients.", stats.cancelled


def _head(name: str, kind: str, help_text: str) -> list[str]:
    return [f"# HELP {_PREFIX}{name} {help_text}", f"# TYPE {_PREFIX}{name} {kind}"]


def _histogram(
    name: str, help_text: str, buckets: Iterable[tuple[float, int]], total: float
) -> list[str]:
    """`buckets` are (upper bound, cumulative count); the last holds every observation."""
    lines = _head(name, "histogram", help_text)
    count = 0
    for bound, count in buckets:
        if bound != float("inf"):
            lines.append(f'{_PREFIX}{name}_bucket{{le="{bound:g}"}} {count}')
    lines.append(f'{_PREFIX}{name}_bucket{{le="+Inf"}} {count}')
    return [*lines, f"{_PREFIX}{name}_sum {total}", f"{_PREFIX}{name}_count {count}"]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
