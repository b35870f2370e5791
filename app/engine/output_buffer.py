"""Buffers each request's events and flushes them to its handle. Requests also end here: each is
counted once as completed, failed or cancelled, and its tokens once for its API key."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

from app.engine.errors import EngineError, InvalidRequest
from app.engine.events import Event, OutputDelta, Progress
from app.engine.metrics import EngineMetrics
from app.engine.request_handle import RequestHandle
from app.engine.sequence import Sequence

#: Events of steps shorter than this are gathered: a reader cannot see such steps apart.
SHORT_STEP_S = 0.010
#: How long a request's events are gathered.
GATHER_S = 0.025


class OutputBuffer:
    """Owned by the engine thread."""

    def __init__(self, metrics: EngineMetrics, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: monotonic seconds; tests pass their own."""
        self._metrics, self._clock = metrics, clock
        self._open: dict[RequestHandle, list[Sequence]] = {}  #: choices not yet finished
        self._events: defaultdict[RequestHandle, list[Event]] = defaultdict(list)
        self._flushed_at = 0.0

    @property
    def handles(self) -> list[RequestHandle]:
        """Requests not yet ended."""
        return list(self._open)

    def is_open(self, handle: RequestHandle) -> bool:
        """False once a request has ended."""
        return handle in self._open

    def reserve(self, handle: RequestHandle) -> None:
        """Open a request whose sequences do not exist yet."""
        self._open[handle] = []

    def open(self, handle: RequestHandle, sequences: list[Sequence]) -> None:
        """Open a request with the sequences that it waits for."""
        self._open[handle] = list(sequences)
        handle.queued = True
        self._metrics.usage.count(
            handle.owner.key_name, requests=1, prompt_tokens=handle.prompt_tokens
        )

    def add_event(self, sequence: Sequence, event: Event) -> None:
        """Keep an event for the next flush, and count its tokens. Consecutive deltas of one
        choice are joined."""
        handle = sequence.handle
        if isinstance(event, OutputDelta) and event.token_ids:
            new = len(event.token_ids)
            handle.generation_tokens += new
            self._metrics.usage.count(handle.owner.key_name, generation_tokens=new)
        if isinstance(event, OutputDelta) and event.reasoning_tokens:
            handle.reasoning_tokens = (handle.reasoning_tokens or 0) + event.reasoning_tokens
        events = self._events[handle]
        if events and isinstance(event, OutputDelta) and isinstance(events[-1], OutputDelta):
            joined = _joined(events[-1], event)
            if joined is not None:
                events[-1] = joined
                return
        events.append(event)

    def finish_choice(self, sequence: Sequence) -> None:
        """Count one choice as finished; with the last one its request is completed."""
        unfinished = self._open[sequence.handle]
        unfinished.remove(sequence)
        if not unfinished:
            self._end(sequence.handle)
            self._metrics.completed += 1

    def finish(self, sequence: Sequence, deltas: list[OutputDelta]) -> None:
        """Add the last deltas of a sequence, each with its finish reason."""
        for delta in deltas:
            assert delta.finish_reason is not None
            self._metrics.finished[delta.finish_reason] += 1
            self.add_event(sequence, delta)
        self.finish_choice(sequence)

    def cancel(self, handle: RequestHandle) -> list[Sequence]:
        """End a cancelled request; returns its unfinished sequences."""
        unfinished = self._end(handle)
        self._metrics.cancelled += 1
        self._events.pop(handle, None)
        handle.end()
        return unfinished

    def fail(self, handle: RequestHandle, error: EngineError) -> list[Sequence]:
        """End a request with an error, after its buffered events; returns its unfinished
        sequences. An InvalidRequest counts as completed: the server did not fail."""
        unfinished = self._end(handle)
        if isinstance(error, InvalidRequest):
            self._metrics.completed += 1
        else:
            self._metrics.failed += 1
        if events := self._events.pop(handle, None):
            handle.send(tuple(events))
        handle.fail(error)
        return unfinished

    def flush(self) -> None:
        """Send the buffered events, at most one `send` per request.

        While steps are short, a request's events are gathered over several steps: a queue put, a
        thread wake-up and a socket write for each step would cost more than the model's
        arithmetic. The first output and the end of a request are sent at once.
        """
        now = self._clock()
        is_short_step = now - self._flushed_at < SHORT_STEP_S
        self._flushed_at = now
        for handle, events in list(self._events.items()):
            has_output = not all(isinstance(event, Progress) for event in events)
            is_first_output = has_output and not handle.output_started
            sent_recently = now - handle.last_sent_at < GATHER_S
            if is_short_step and sent_recently and not is_first_output and handle in self._open:
                continue
            handle.last_sent_at = now
            handle.output_started = handle.output_started or is_first_output
            handle.send(tuple(self._events.pop(handle)))
            if handle not in self._open:
                handle.end()

    def _end(self, handle: RequestHandle) -> list[Sequence]:
        """Close a request, before it is counted as ended; returns its unfinished sequences."""
        handle.ended = True
        self._metrics.usage.count(handle.owner.key_name, cached_tokens=handle.cached_tokens)
        return self._open.pop(handle)


def _joined(before: OutputDelta, after: OutputDelta) -> OutputDelta | None:
    """Two deltas of one choice as one; None if they are of two choices, or one is the last."""
    if before.index != after.index or before.finish_reason or after.finish_reason:
        return None
    return OutputDelta(
        before.index,
        before.text + after.text,
        before.token_ids + after.token_ids,
        before.logprobs + after.logprobs,
        reasoning=before.reasoning + after.reasoning,
        reasoning_tokens=before.reasoning_tokens + after.reasoning_tokens,
    )
