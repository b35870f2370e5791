"""GET /metrics for Prometheus: the engine's statistics, HTTP requests and the process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flask import Blueprint, Response, current_app
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from app.engine import EngineStatus
from app.engine.stats import EngineStats
from app.generation.tool_call_deltas import ToolCallCounter
from app.middleware.model_facts import model_facts

PREFIX = "westlake"


def metrics_blueprint(registry: CollectorRegistry) -> Blueprint:
    """The route. Adds the process's metrics to `registry`, which has the HTTP requests'."""
    blueprint = Blueprint("metrics", __name__)
    ProcessCollector(registry=registry)

    @blueprint.get("/metrics")
    def metrics() -> Response:
        engine: EngineStatus = current_app.extensions["engine"]
        # A new registry for each request, because tests replace the app's engine.
        reading = CollectorRegistry(auto_describe=False)
        counter: ToolCallCounter = current_app.extensions["text_engine"].tool_calls
        reading.register(ToolCallCollector(counter))
        reading.register(EngineCollector(engine.stats, model_facts(engine).batch_invariant))
        text = generate_latest(reading) + generate_latest(registry)
        return Response(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)

    return blueprint


class ToolCallCollector(Collector):
    """What was found in the answers to requests with tools."""

    def __init__(self, counter: ToolCallCounter) -> None:
        self._counter = counter

    def collect(self) -> Iterator[Metric]:
        """One counter with two labels."""
        text = "Tool calls in answers; unparsed: broken, or of a tool that was not offered."
        calls = CounterMetricFamily(f"{PREFIX}_tool_calls", text, labels=["outcome"])
        calls.add_metric(["parsed"], self._counter.parsed)
        calls.add_metric(["unparsed"], self._counter.unparsed)
        yield calls


class EngineCollector(Collector):
    """One snapshot of the engine's counters."""

    def __init__(self, stats: EngineStats, batch_invariant: bool | None = None) -> None:
        """batch_invariant: None leaves its metric out."""
        self._stats, self._batch_invariant = stats, batch_invariant

    def collect(self) -> Iterator[Metric]:
        """Every metric, under the contract's names."""
        for name, text, value in _gauges(self._stats):
            yield GaugeMetricFamily(f"{PREFIX}_{name}", text, value)
        if self._batch_invariant is not None:
            text = "1: a request's results do not depend on its batch; 0: the check at load failed."
            yield GaugeMetricFamily(f"{PREFIX}_batch_invariant", text, self._batch_invariant)
        for name, text, value in _counters(self._stats):
            yield CounterMetricFamily(f"{PREFIX}_{name}", text, value)
        finished = CounterMetricFamily(
            f"{PREFIX}_finished", "Finished choices, by finish reason.", labels=["reason"]
        )
        for reason, count in self._stats.finished:
            finished.add_metric([str(reason)], count)
        yield finished
        yield from _usage_by_key(self._stats)
        for name, text, buckets, total in _histograms(self._stats):
            bounds = [(_bound(bound), count) for bound, count in buckets]
            yield HistogramMetricFamily(f"{PREFIX}_{name}", text, buckets=bounds, sum_value=total)


def _gauges(stats: EngineStats) -> Iterable[tuple[str, str, float]]:
    yield "requests_running", "Requests in progress.", stats.running
    yield "requests_waiting", "Requests accepted and not started.", stats.waiting
    yield "kv_cache_usage_ratio", "Share of the KV cache in use.", stats.kv_usage_ratio


def _counters(stats: EngineStats) -> Iterable[tuple[str, str, float]]:
    yield "prompt_tokens", "Prompt tokens processed.", stats.prompt_tokens
    yield "generation_tokens", "Tokens generated.", stats.generation_tokens
    yield "engine_steps", "Forward passes of the model, each for one batch.", stats.steps
    yield (
        "prefix_cache_queries",
        "Prompt tokens looked up in the prefix cache.",
        stats.prefix_queried_tokens,
    )
    yield (
        "prefix_cache_hits",
        "Prompt tokens found in the prefix cache.",
        stats.prefix_reused_tokens,
    )
    yield "requests_accepted", "Requests accepted.", stats.accepted
    yield "requests_completed", "Requests finished, or rejected.", stats.completed
    yield "requests_failed", "Requests that failed by an internal error.", stats.failed
    yield (
        "requests_cancelled",
        "Requests cancelled: the client disconnected, or a timeout.",
        stats.cancelled,
    )


def _usage_by_key(stats: EngineStats) -> Iterator[Metric]:
    """The label is the name of an API key, "anonymous" on a server without keys."""
    for name, text in (
        ("requests", "Requests of each API key."),
        ("prompt_tokens", "Prompt tokens of each API key."),
        ("generation_tokens", "Tokens generated for each API key."),
        ("cached_tokens", "Prompt tokens of each API key found in the prefix cache."),
    ):
        family = CounterMetricFamily(f"{PREFIX}_key_{name}", text, labels=["key"])
        for key_name, usage in stats.usage_by_key:
            family.add_metric([key_name], getattr(usage, name))
        yield family


def _histograms(
    stats: EngineStats,
) -> Iterable[tuple[str, str, tuple[tuple[float, int], ...], float]]:
    """Buckets are (upper bound, cumulative count); the last bound is infinity."""
    empty = ((float("inf"), 0),)
    text = "From accepting a request to its first token."
    buckets = stats.ttft_seconds or empty
    yield "time_to_first_token_seconds", text, buckets, stats.ttft_sum_seconds
    text = "Between two tokens of a choice."
    buckets = stats.itl_seconds or empty
    yield "inter_token_latency_seconds", text, buckets, stats.itl_sum_seconds


def _bound(seconds: float) -> str:
    return "+Inf" if seconds == float("inf") else f"{seconds:g}"
