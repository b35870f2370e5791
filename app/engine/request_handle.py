"""The handle of one accepted request, shared by the engine's thread and one HTTP thread.

Events flow to the HTTP thread through a queue. The only thing that flows back is the flag
`cancelled`, which the engine's thread reads between steps.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from app.engine.errors import EngineError
from app.engine.events import Event
from app.engine.request import ANONYMOUS, Owner

_END = None


class RequestHandle:
    """What `Engine.generate` and `Engine.embed` return."""

    def __init__(
        self, prompt_tokens: int, choices: int, wake: Callable[[], None], owner: Owner = ANONYMOUS
    ) -> None:
        """choices: answers or vectors that the request asks for; wake: lets the engine's thread
        see that `cancelled` has changed."""
        self.prompt_tokens = prompt_tokens  #: over all prompts or inputs
        self.choices = choices
        self.owner = owner
        self.max_new_tokens = 0  #: tokens an answer may have; the minimum over all prompts
        self.accepted_at = time.monotonic()
        self.cancelled = False
        # The engine's thread writes these; any thread may read them.
        self.cached_tokens = 0  #: prompt tokens found in the cache, so not computed again
        self.generation_tokens = 0  #: over all choices
        self.reasoning_tokens: int | None = None  #: of the thinking; None: none so far
        self.queued = False  #: its prompt tokens are counted; not while its grammar is compiled
        self.last_sent_at = 0.0  #: when events were last sent, monotonic
        self.output_started = False  #: an event other than Progress was sent
        self.ended = False  #: counted in the engine's metrics as completed, failed or cancelled
        self._wake = wake
        self._events: SimpleQueue[tuple[Event, ...] | EngineError | None] = SimpleQueue()
        self._done = False
        self._prepared = threading.Event()
        self._preparation_error: EngineError | None = None

    # --- called by the HTTP thread

    @property
    def done(self) -> bool:
        """True when every event was taken, or the request failed."""
        return self._done

    def next_events(self, timeout_s: float) -> list[Event]:
        """Wait for at least one event, then take all that are there; [] after `timeout_s`.

        Raises:
            EngineError: the request failed; no event follows.
        """
        events: list[Event] = []
        try:
            item = self._events.get(timeout=timeout_s)
            while True:
                if item is _END:
                    self._done = True
                    return events
                if isinstance(item, EngineError):
                    if events:  # return the events first, raise in the next call
                        self._events.put(item)
                        return events
                    self._done = True
                    raise item
                events += item
                item = self._events.get_nowait()
        except Empty:
            return events

    def wake(self) -> None:
        """Let a waiting `next_events` return [] now. Any thread may call it."""
        self._events.put(())

    def wait_until_prepared(self, timeout_s: float) -> bool:
        """Wait until the request can run: the grammar of its schema is compiled, if it has one.
        False after `timeout_s`. After True, the request is known to be valid.

        Raises:
            EngineError: the request failed before that; no event follows.
        """
        prepared = self._prepared.wait(timeout_s)
        if self._preparation_error is not None:
            self._done = True
            raise self._preparation_error
        return prepared

    @property
    def preparation_ended(self) -> bool:
        """True when the request is prepared, failed or cancelled. Any thread may ask."""
        return self.cancelled or self._prepared.is_set()

    def cancel(self) -> None:
        """Stop the request and free its slots. No effect when it is done; may be repeated."""
        if not self._done and not self.cancelled:
            self.cancelled = True
            self._wake()

    # --- called by the engine

    def send(self, events: tuple[Event, ...]) -> None:
        """Queue events for the HTTP thread."""
        self._events.put(events)

    def mark_prepared(self) -> None:
        """Let `wait_until_prepared` return True."""
        self._prepared.set()

    def end(self) -> None:
        """Say that all choices have finished."""
        self._events.put(_END)
        self._prepared.set()

    def fail(self, error: EngineError) -> None:
        """End the request with an error, which `next_events` raises."""
        self._events.put(error)
        if not self._prepared.is_set():
            self._preparation_error = error
            self._prepared.set()
