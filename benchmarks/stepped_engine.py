"""The engine's core without its thread: a benchmark runs its steps, counts and times them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from app.engine import build_sequences, validation
from app.engine.core import EngineCore
from app.engine.events import OutputDelta
from app.engine.loaded_model import LoadedModel
from app.engine.metrics import EngineMetrics
from app.engine.request import Owner
from app.engine.request_handle import RequestHandle
from app.engine.token_ids import TokenIds
from benchmarks.engine_load import greedy
from benchmarks.timed_runner import TimedRunner


class SteppedEngine:
    """One empty cache and its requests."""

    def __init__(self, model: LoadedModel, clock: Callable[[], float] = time.perf_counter) -> None:
        self._model = replace(model, runner=TimedRunner(model.runner))
        self._clock = clock
        self.core = EngineCore(self._model, EngineMetrics(), clock)
        self.seconds: list[float] = []  #: of each step
        self.tokens: dict[RequestHandle, list[int]] = {}  #: generated so far
        self.first: dict[RequestHandle, int] = {}  #: steps until the first of them

    def ask(self, prompt: TokenIds, tokens: int, owner: str = "") -> RequestHandle:
        """Queue a request that generates just so many tokens."""
        asked = greedy(prompt, tokens=tokens)
        request = replace(asked, owner=Owner(owner, limited=bool(owner)))
        handle = RequestHandle(len(prompt), 1, lambda: None, request.owner)
        limits = validation.check_generation(request, self._model)
        sequences = build_sequences.generation_sequences(request, self._model, handle, limits)
        self.tokens[handle] = []
        self.core.accept(handle, sequences)
        return handle

    def step(self) -> bool:
        """Run one step; False when there is nothing to do."""
        began = self._clock()
        worked = self.core.step()
        self.core.flush()
        self.seconds.append(self._clock() - began)
        for handle, tokens in self.tokens.items():
            for event in handle.next_events(0) if not handle.done else ():
                if isinstance(event, OutputDelta) and event.token_ids:
                    tokens += event.token_ids
                    self.first.setdefault(handle, len(self.seconds))
        return worked

    def run(self, steps: int) -> list[float]:
        """Run so many steps; returns their seconds."""
        for _ in range(steps):
            self.step()
        return self.seconds[-steps:]

    def finish(self) -> None:
        """Run until all requests have ended."""
        while self.step():
            pass

    def steps_to_first_token(self, handle: RequestHandle) -> int:
        """Run until it comes."""
        begin = len(self.seconds)
        while handle not in self.first:
            self.step()
        return self.first[handle] - begin

    def computed(self, handle: RequestHandle) -> int:
        """Tokens of a running request that are in the cache."""
        running = self.core.scheduler.running
        return max(
            (each.num_computed_tokens for each in running if each.handle is handle), default=0
        )

    @property
    def computed_tokens(self) -> int:
        """Tokens of all steps so far."""
        runner = self._model.runner
        assert isinstance(runner, TimedRunner)
        return sum(step.tokens for step in runner.steps)

    def cancel(self, handles: Iterable[RequestHandle]) -> None:
        """Cancel requests; what they have computed stays in the cache."""
        for handle in handles:
            handle.cancel()
        self.core.drop_cancelled()

    def close(self) -> None:
        """Cancel what runs and free the cache."""
        self.cancel(self.tokens)
        for slot in range(self._model.runner.slots):
            self._model.runner.release(slot)
