"""The loop of the engine's thread: take requests, compute a step, send events, handle faults."""

from __future__ import annotations

import logging
from collections.abc import Callable
from queue import SimpleQueue

from app.engine.core import EngineCore
from app.engine.errors import GenerationFailed, OutOfMemory
from app.engine.watchdog import StepWatchdog

log = logging.getLogger(__name__)

#: The engine is declared dead after this many failing steps in a row.
FAULTS_ALLOWED = 3

#: Functions to call on the engine's thread; None only wakes it.
Inbox = SimpleQueue[Callable[[EngineCore], None] | None]


class EngineLoop:
    """Used by the engine thread only."""

    def __init__(self, core: EngineCore, inbox: Inbox, watchdog: StepWatchdog) -> None:
        self._core, self._inbox, self._watchdog = core, inbox, watchdog

    def run(self, after_step: Callable[[EngineCore], None]) -> None:
        """Serve until the model is broken. after_step: called after each step, before its events
        are sent, so that a client with an answer finds it in the metrics."""
        core, faults = self._core, 0
        while faults < FAULTS_ALLOWED:
            if not core.scheduler.busy:
                self._call(self._inbox.get())  # wait for a request
            self.process_inbox()
            core.drop_cancelled()
            faults = self._step(faults)
            after_step(core)
            core.flush()

    def process_inbox(self) -> None:
        """Call what other threads have queued."""
        while not self._inbox.empty():
            self._call(self._inbox.get())

    def _call(self, task: Callable[[EngineCore], None] | None) -> None:
        if task is not None:
            task(self._core)

    def _step(self, faults: int) -> int:
        """Compute one step; returns how many in a row have now failed. A failure ends the
        requests that the step was for; running out of memory ends only one of them."""
        core = self._core
        self._watchdog.step_started()
        try:
            if not core.step():
                return faults
            self._watchdog.step_computed(core.planned_tokens)
            return 0
        except MemoryError:
            log.exception("the engine ran out of memory in a step; one request is given up")
            core.recover_from_out_of_memory(OutOfMemory("the server ran out of memory; try again"))
            return faults
        except Exception:
            log.exception("a step of the engine failed")
            error = GenerationFailed("the server failed; try again")
            core.fail(core.requests_of_last_step(), error)
            return faults + 1 if self._model_works() else FAULTS_ALLOWED
        finally:
            self._watchdog.step_ended()

    def _model_works(self) -> bool:
        """After a failure: whether the model can still compute a token."""
        try:
            self._core.probe()
        except Exception:
            log.exception("the model is broken")
            return False
        return True
