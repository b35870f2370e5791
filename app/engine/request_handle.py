"""One accepted request: what the engine's thread and one HTTP thread share.

Knows nothing about scheduling. Events flow one way through the outbox; the only thing that ever
flows back is the flag `cancelled`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from app.engine.errors import EngineError
from app.engine.types import EVERYBODY, Event, Owner

_END = None


class Ticket:
    """Implements `app.engine.Stream` for HTTP; the other methods are the engine thread's."""

    def __init__(
        self, prompt_tokens: int, choices: int, wake: Callable[[], None], owner: Owner = EVERYBODY
    ) -> None:
        self.prompt_tokens = prompt_tokens
        self.owner = owner
        self.room = 0  #: tokens an answer may have; of several prompts, the least
        self.cached_tokens = 0  #: prompt tokens found in the cache; the engine thread's
        self.open_choices = choices  #: owned by the engine thread
        self.sent_at = 0.0  #: when events last went out, monotonic; the engine thread's
        self.begun = False  #: more than progress has gone out; the engine thread's
        self.accepted_at = time.monotonic()
        self.cancelled = False
        self.settled = False  #: owned by the engine thread: counted in the ledger
        self._wake = wake
        self._outbox: SimpleQueue[tuple[Event, ...] | EngineError | None] = SimpleQueue()
        self._done = False
        self._prepared = threading.Event()
        self._lost: EngineError | None = None

    # --- HTTP's side

    @property
    def done(self) -> bool:
        """True when every event was taken, or the request failed."""
        return self._done

    def next_events(self, timeout_s: float) -> list[Event]:
        """Wait for at least one event, then take all there are; [] when the time is up.

        Raises:
            EngineError: the request failed; nothing more will come.
        """
        events: list[Event] = []
        try:
            item = self._outbox.get(timeout=timeout_s)
            while True:
                if item is _END:
                    self._done = True
                    return events
                if isinstance(item, EngineError):
                    if events:  # what came before the failure is delivered first
                        self._outbox.put(item)
                        return events
                    self._done = True
                    raise item
                events += item
                item = self._outbox.get_nowait()
        except Empty:
            return events

    def wake(self) -> None:
        """End a wait in `next_events` now. Any thread may call it."""
        self._outbox.put(())

    def prepared(self, timeout_s: float) -> bool:
        """Wait until nothing but the queue is before the answer; False when the time is up.

        Raises:
            EngineError: the request failed before; nothing more will come.
        """
        prepared = self._prepared.wait(timeout_s)
        if self._lost is not None:
            self._done = True
            raise self._lost
        return prepared

    @property
    def over(self) -> bool:
        """True when nobody waits for the answer's beginning any more. Any thread may ask."""
        return self.cancelled or self._prepared.is_set()

    def cancel(self) -> None:
        """Ask for the request's place back; harmless when it is done."""
        if not self._done and not self.cancelled:
            self.cancelled = True
            self._wake()

    # --- the engine's side

    def send(self, events: tuple[Event, ...]) -> None:
        """Put one step's events into the outbox."""
        self._outbox.put(events)

    def mark_prepared(self) -> None:
        """Say that what the answer needs is there."""
        self._prepared.set()

    def end(self) -> None:
        """Say that all choices have finished."""
        self._outbox.put(_END)
        self._prepared.set()

    def fail(self, error: EngineError) -> None:
        """Say that the request is lost."""
        self._outbox.put(error)
        if not self._prepared.is_set():
            self._lost = error
            self._prepared.set()
