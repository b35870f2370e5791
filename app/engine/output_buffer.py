"""What every open request is still owed, and what it has been given in this step.

Knows nothing about batches or sampling. Whatever way a request ends, it ends here once, and the
metrics hears of it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable

from app.engine.errors import EngineError, InvalidRequest
from app.engine.metrics import EngineMetrics
from app.engine.request_handle import RequestHandle
from app.engine.sequence import Sequence
from app.engine.types import Event, OutputDelta, Progress

#: Steps at most this long are gathered: a reader does not see them apart.
SHORT_STEP_S = 0.010
#: How long a request's events are gathered.
GATHER_S = 0.025


class OutputBuffer:
    """Owned by the engine thread."""

    def __init__(self, metrics: EngineMetrics, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds since any moment; tests give their own."""
        self._metrics = metrics
        self._clock = clock
        self._open_choices: dict[RequestHandle, list[Sequence]] = {}
        self._events: defaultdict[RequestHandle, list[Event]] = defaultdict(list)
        self._flushed_at = 0.0

    @property
    def handles(self) -> list[RequestHandle]:
        """Requests not yet ended."""
        return list(self._open_choices)

    def is_open(self, handle: RequestHandle) -> bool:
        """False once a request has ended."""
        return handle in self._open_choices

    def reserve(self, handle: RequestHandle) -> None:
        """Owe a request an answer that cannot begin yet."""
        self._open_choices[handle] = []

    def open(self, handle: RequestHandle, sequences: list[Sequence]) -> None:
        """Owe a request its choices or vectors."""
        self._open_choices[handle] = list(sequences)
        self._metrics.prompt_tokens += handle.prompt_tokens

    def add_event(self, sequence: Sequence, event: Event) -> None:
        """Keep an event for the next flush; text that follows text of its choice joins it."""
        events = self._events[sequence.handle]
        if events and isinstance(event, OutputDelta) and isinstance(events[-1], OutputDelta):
            joined = _joined(events[-1], event)
            if joined is not None:
                events[-1] = joined
                return
        events.append(event)

    def finish_choice(self, sequence: Sequence) -> None:
        """One choice is complete; with the last of them so is its request."""
        rest = self._open_choices[sequence.handle]
        rest.remove(sequence)
        if not rest:
            del self._open_choices[sequence.handle]
            self._metrics.completed += 1
            sequence.handle.ended = True

    def finish(self, sequence: Sequence, deltas: list[OutputDelta]) -> None:
        """Tell the last of a sequence's deltas, each with its finish reason."""
        for delta in deltas:
            assert delta.finish_reason is not None
            self._metrics.finished[delta.finish_reason] += 1
            self.add_event(sequence, delta)
        self.finish_choice(sequence)

    def cancel(self, handle: RequestHandle) -> list[Sequence]:
        """End a request whose client has gone; returns what was still owed."""
        self._metrics.cancelled += 1
        handle.ended = True
        self._events.pop(handle, None)
        handle.end()
        return self._open_choices.pop(handle)

    def fail(self, handle: RequestHandle, error: EngineError) -> list[Sequence]:
        """End a request with an error, after what it has been told; returns what was still
        owed. A refusal is an answer, and no fault of ours."""
        if isinstance(error, InvalidRequest):
            self._metrics.completed += 1
        else:
            self._metrics.failed += 1
        handle.ended = True
        if events := self._events.pop(handle, None):
            handle.send(tuple(events))
        handle.fail(error)
        return self._open_choices.pop(handle)

    def flush(self) -> None:
        """Send what has been told, one put per request. While steps are short, a request's
        events wait for a few steps: a put, a wake-up and a write each would cost more than the
        model's arithmetic. Its first text and its last never wait."""
        now = self._clock()
        brisk = now - self._flushed_at < SHORT_STEP_S
        self._flushed_at = now
        for handle, events in list(self._events.items()):
            has_output = not all(isinstance(event, Progress) for event in events)
            begins = has_output and not handle.output_started
            recent = now - handle.last_sent_at < GATHER_S
            if brisk and recent and not begins and handle in self._open_choices:
                continue
            handle.last_sent_at, handle.output_started = now, handle.output_started or begins
            handle.send(tuple(self._events.pop(handle)))
            if handle not in self._open_choices:
                handle.end()


def _joined(before: OutputDelta, after: OutputDelta) -> OutputDelta | None:
    """Two deltas of one choice as one; None if they are not, or the choice ends here."""
    if before.index != after.index or before.finish_reason or after.finish_reason:
        return None
    return OutputDelta(
        before.index,
        before.text + after.text,
        before.token_ids + after.token_ids,
        before.logprobs + after.logprobs,
    )
