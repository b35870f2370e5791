"""Counts an upstream's requests as this server's engine counts its own: each ends once, as
completed, failed or cancelled, and its tokens count once for its API key."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from app.engine.errors import EngineError, ShuttingDown, UpstreamError
from app.engine.events import Event, FinishReason, OutputDelta
from app.engine.metrics import EngineMetrics
from app.engine.request import Owner
from app.engine.request_handle import RequestHandle
from app.engine.request_limits import RequestLimits
from app.engine.stats import DayUsage, EngineStats
from app.generation.tool_call_deltas import ToolCallCounter
from app.tool_calls.events import CallBegin
from app.upstream.chunk_reader import TokenCounts


class Ledger:
    """Any thread may call `accept`, `check` and what only reads; the upstream thread alone the
    rest."""

    def __init__(self, max_in_flight: int, max_per_owner: int | None) -> None:
        """See `RequestLimits`."""
        self._metrics = EngineMetrics()
        self._lock = threading.Lock()
        self._limits = RequestLimits(self._metrics, max_in_flight, max_per_owner)
        self._running = 0
        self._last_output: dict[RequestHandle, dict[int, float]] = {}  #: by choice, monotonic
        self.draining = False
        self.tool_calls = ToolCallCounter()

    @property
    def stats(self) -> EngineStats:
        """The counters now."""
        return self._metrics.snapshot(self._running, 0.0)

    def usage_today(self, owner: Owner) -> DayUsage:
        """What the owner's key has used on this day (UTC)."""
        return self._metrics.usage.today(owner.key_name)

    def drain(self) -> None:
        """Accept nothing from now on."""
        with self._lock:
            self.draining = True

    def check(self, owner: Owner) -> None:
        """Raises Unavailable when no request of this owner would be accepted now."""
        with self._lock:
            self._check_accepting()
            self._limits.check(owner)

    def accept(self, handle: RequestHandle) -> None:
        """Count a request. Raises Unavailable."""
        with self._lock:
            self._check_accepting()
            self._limits.add(handle)

    def _check_accepting(self) -> None:
        if self.draining:
            raise ShuttingDown("the server is stopping")

    # --- the upstream thread

    def sent(self, handle: RequestHandle) -> None:
        """It is on its way to the upstream."""
        self._running += 1
        self._last_output[handle] = {}
        handle.queued = True
        self._metrics.usage.count(handle.owner.key_name, requests=1)

    def output(self, handle: RequestHandle, events: Sequence[Event]) -> None:
        """It has new output: count latencies and ends of choices."""
        now = time.monotonic()
        before = self._last_output[handle]
        for event in events:
            if not isinstance(event, OutputDelta):
                continue
            if isinstance(event.tool_call, CallBegin):
                self.tool_calls.add(1, 0)
            if not handle.output_started:
                handle.output_started = True
                self._metrics.time_to_first_token.observe(now - handle.accepted_at)
            if (last := before.get(event.index)) is not None and last < now:
                self._metrics.inter_token_latency.observe(now - last)
            before[event.index] = now
            if event.finish_reason is not None:
                is_length = event.finish_reason is FinishReason.LENGTH
                self._metrics.finished[FinishReason.LENGTH if is_length else FinishReason.STOP] += 1

    def complete(self, handle: RequestHandle, counts: TokenCounts) -> None:
        """It has all of its answer."""
        self._end(handle, counts)
        self._metrics.completed += 1
        handle.end()

    def cancel(self, handle: RequestHandle, counts: TokenCounts) -> None:
        """Nobody wants its answer any more."""
        self._end(handle, counts)
        self._metrics.cancelled += 1
        handle.end()

    def fail(self, handle: RequestHandle, error: EngineError, counts: TokenCounts) -> None:
        """It ends with an error. A refusal counts as completed: nothing has failed."""
        self._end(handle, counts)
        if isinstance(error, UpstreamError) and error.is_refusal:
            self._metrics.completed += 1
        else:
            self._metrics.failed += 1
        handle.fail(error)

    def _end(self, handle: RequestHandle, counts: TokenCounts) -> None:
        handle.prompt_tokens, handle.cached_tokens = counts.prompt, counts.cached
        handle.generation_tokens, handle.reasoning_tokens = counts.completion, counts.reasoning
        if self._last_output.pop(handle, None) is not None:
            self._running -= 1
        self._metrics.usage.count(
            handle.owner.key_name,
            prompt_tokens=counts.prompt,
            generation_tokens=counts.completion,
            cached_tokens=counts.cached,
        )
        if counts.cached:
            self._metrics.prefix_queried_tokens += counts.prompt
            self._metrics.prefix_reused_tokens += counts.cached
        handle.ended = True
