"""The engine's counters. Every accepted request ends as completed, failed or cancelled."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from app.engine.events import FinishReason
from app.engine.stats import EngineStats
from app.engine.usage import UsageByKey

TTFT_BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
ITL_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Histogram:
    """Counts of durations by upper bound, in seconds."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> tuple[tuple[float, int], ...]:
        """(upper bound, number of durations up to it); the last bound is infinity."""
        return tuple(zip((*self._bounds, float("inf")), accumulate(self._counts), strict=True))


class EngineMetrics:
    """Counters since the start. `accepted` is changed under `AsyncEngine`'s lock, all others by
    the engine thread only."""

    def __init__(self) -> None:
        self.accepted = self.completed = self.failed = self.cancelled = 0
        self.steps = self.preemptions = 0
        self.prefix_queried_tokens = self.prefix_reused_tokens = 0
        self.usage = UsageByKey()
        # Answers that call tools count as STOP: the engine does not tell them apart.
        self.finished = dict.fromkeys((FinishReason.STOP, FinishReason.LENGTH), 0)
        self.time_to_first_token = Histogram(TTFT_BOUNDS_S)
        self.inter_token_latency = Histogram(ITL_BOUNDS_S)

    @property
    def in_flight(self) -> int:
        """Requests accepted and not yet ended."""
        return self.accepted - self.completed - self.failed - self.cancelled

    def snapshot(self, running: int, kv_usage_ratio: float) -> EngineStats:
        """The counters now. running: requests that have a slot; the others in flight wait."""
        in_flight = self.in_flight  # before the tokens: those of ended requests are counted
        by_key = self.usage.totals()
        return EngineStats(
            running=running,
            waiting=max(0, in_flight - running),
            accepted=self.accepted,
            completed=self.completed,
            failed=self.failed,
            cancelled=self.cancelled,
            prompt_tokens=sum(usage.prompt_tokens for _, usage in by_key),
            generation_tokens=sum(usage.generation_tokens for _, usage in by_key),
            steps=self.steps,
            preemptions=self.preemptions,
            prefix_queried_tokens=self.prefix_queried_tokens,
            prefix_reused_tokens=self.prefix_reused_tokens,
            kv_usage_ratio=kv_usage_ratio,
            finished=tuple((reason.value, count) for reason, count in self.finished.items()),
            ttft_seconds=self.time_to_first_token.cumulative(),
            ttft_sum_seconds=self.time_to_first_token.total,
            itl_seconds=self.inter_token_latency.cumulative(),
            itl_sum_seconds=self.inter_token_latency.total,
            usage_by_key=by_key,
        )
