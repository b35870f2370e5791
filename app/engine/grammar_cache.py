"""The grammars of clients' schemas: each tried in a child process, compiled once, and kept.

Knows nothing about JSON or steps. One thread of its own does the work, one schema after the other;
whoever asks is called back. It runs at a lower priority than the answers that are being made.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from app.engine.errors import (
    EngineError,
    GenerationFailed,
    InvalidRequest,
    Overloaded,
    UnsupportedSchema,
)
from app.engine.request_handle import RequestHandle
from app.structured_output.grammar_compiler import (
    MAX_SCHEMA_BYTES,
    GrammarCompiler,
    GrammarTokens,
    InvalidSchema,
)
from app.structured_output.json_constraint import ConstraintFailed, JsonConstraint
from app.structured_output.validation_process import TrialLost, TrialProcess

#: What is kept: grammars by number and by memory, refusals by number.
MAX_GRAMMARS = 64
MAX_KEPT_BYTES = 256 << 20
MAX_REFUSALS = 1024
#: Memory that all running answers' grammars may take together, as far as it can be foreseen.
MAX_RUNNING_BYTES = 2 << 30
#: More than the trial's thread has, so that what it survived is no danger here.
_STACK_BYTES = 64 << 20
_NICE = 5

OnFound = Callable[[JsonConstraint | EngineError], None]
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Grammar:
    """A compiled schema at its beginning, of which every answer gets a copy."""

    constraint: JsonConstraint
    size: int  #: bytes


@dataclass(slots=True)
class _Waiter:
    answer_prefix: str
    handle: RequestHandle
    on_found: OnFound


@dataclass(slots=True)
class _Job:
    """One schema, for all who ask for it."""

    key: bytes
    schema: str
    waiters: list[_Waiter] = field(default_factory=list)


class Grammars:
    """Owned by the engine's service. Any thread may call it."""

    def __init__(self, tokens: GrammarTokens) -> None:
        self._tokens = tokens
        self._compiler: GrammarCompiler | None = None  # the own thread's, and then read only
        self._changed = threading.Condition()  # guards all below
        self._kept: OrderedDict[bytes, _Grammar | str] = OrderedDict()
        self._jobs: dict[bytes, _Job] = {}
        #: Whose schemas wait; keys take turns, so that one with many does not hold up the others.
        self._queues: OrderedDict[str, deque[_Job]] = OrderedDict()
        self._running: WeakKeyDictionary[RequestHandle, int] = WeakKeyDictionary()
        self._thread: threading.Thread | None = None

    def find(
        self, schema: str, answer_prefix: str, handle: RequestHandle, on_found: OnFound
    ) -> None:
        """Call `on_found` with a constraint for the handle's answers, or with why there is none;
        at once, on this thread, where the schema is known. Not at all when the handle has ended
        before.

        answer_prefix: text that the answers go on with, and that must begin an instance.
        """
        key = hashlib.sha256(schema.encode()).digest()
        waiter = _Waiter(answer_prefix, handle, on_found)
        if len(schema) > MAX_SCHEMA_BYTES:
            on_found(UnsupportedSchema(f"the schema is over {MAX_SCHEMA_BYTES >> 20} MiB of JSON"))
            return
        with self._changed:
            known = self._kept.get(key)
            if known is None:
                self._enqueue(key, schema, waiter)
                return
            self._kept.move_to_end(key)
        self._tell(known, waiter)

    def _enqueue(self, key: bytes, schema: str, waiter: _Waiter) -> None:
        job = self._jobs.get(key)
        if job is None:
            job = self._jobs[key] = _Job(key, schema)
            self._queues.setdefault(waiter.handle.owner.name, deque()).append(job)
        job.waiters.append(waiter)
        if self._thread is None:
            self._start()
        self._changed.notify()

    def _start(self) -> None:
        before = threading.stack_size(_STACK_BYTES)
        try:
            self._thread = threading.Thread(target=self._run, name="grammars", daemon=True)
            self._thread.start()
        finally:
            threading.stack_size(before)

    def _tell(self, known: _Grammar | str, waiter: _Waiter) -> None:
        """Give one who asked a constraint of his own, or the refusal."""
        if isinstance(known, str):
            waiter.on_found(UnsupportedSchema(known))
            return
        waiter.on_found(self._beginning(known, waiter))

    def _beginning(self, known: _Grammar, waiter: _Waiter) -> JsonConstraint | EngineError:
        needed = known.size * waiter.handle.choices
        with self._changed:
            if sum(self._running.values()) + needed > MAX_RUNNING_BYTES:
                return Overloaded("answers to large schemas take all memory there is for them")
            self._running[waiter.handle] = needed
            constraint = known.constraint.copy()
        assert self._compiler is not None
        try:
            tokens = self._compiler.tokens_of(waiter.answer_prefix)
            fits = bool(tokens) and constraint.accept_all(tokens)
        except ConstraintFailed:
            fits = False
        if waiter.answer_prefix and not fits:
            return InvalidRequest(
                "the text to be continued does not begin an answer to the schema, whose properties "
                "come in the schema's order"
            )
        return constraint

    # --- the own thread

    def _run(self) -> None:
        if sys.platform == "linux":  # there a thread has its own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        trials = TrialProcess(self._tokens)
        while True:
            with self._changed:
                while not self._queues:
                    self._changed.wait()
                job = self._take()
            found = self._try(job, trials)
            with self._changed:
                del self._jobs[job.key]
                waiters = [each for each in job.waiters if not each.handle.preparation_ended]
                if found is None:  # nobody waited any more; but somebody may have come since
                    for each in waiters:
                        self._enqueue(job.key, job.schema, each)
                    continue
            for each in waiters:
                if isinstance(found, EngineError):
                    each.on_found(found)
                else:
                    self._tell(found, each)

    def _take(self) -> _Job:
        """The next job, of the key whose turn it is."""
        scope, queue = self._queues.popitem(last=False)
        job = queue.popleft()
        if queue:
            self._queues[scope] = queue
        return job

    def _try(self, job: _Job, trials: TrialProcess) -> _Grammar | str | EngineError | None:
        """What is to be told of a schema; None when nobody waits for it."""

        def abandoned() -> bool:
            with self._changed:
                return all(each.handle.preparation_ended for each in job.waiters)

        if abandoned():
            return None
        try:
            verdict = trials.ask(job.schema, abandoned)
            if verdict is None:
                return None
            fine, text, size, lasting = verdict
            found = self._compiled(text, size) if fine else text
            if lasting:
                self._keep(job.key, found)
            return found
        except (TrialLost, OSError):
            log.exception("a schema could not be tried")
            return GenerationFailed("the server failed; try again")
        except Exception:
            log.exception("a schema's trial failed")
            return GenerationFailed("the server failed; try again")

    def _compiled(self, schema: str, size: int) -> _Grammar | str:
        if self._compiler is None:
            self._compiler = GrammarCompiler(self._tokens)
        try:
            matcher = self._compiler.compile(schema)
            constraint = JsonConstraint(matcher, len(self._tokens.pieces))
            constraint.allowed()  # its copies need not find the first step again
        except InvalidSchema as error:
            return str(error)
        except ConstraintFailed:
            return "no answer can be kept to this schema"
        return _Grammar(constraint, size)

    def _keep(self, key: bytes, found: _Grammar | str) -> None:
        with self._changed:
            self._kept[key] = found
            for kind, most in ((_Grammar, MAX_GRAMMARS), (str, MAX_REFUSALS)):
                while sum(isinstance(each, kind) for each in self._kept.values()) > most:
                    self._drop_oldest(kind)
            while self._kept_bytes() > MAX_KEPT_BYTES:
                self._drop_oldest(_Grammar)

    def _kept_bytes(self) -> int:
        return sum(each.size for each in self._kept.values() if isinstance(each, _Grammar))

    def _drop_oldest(self, kind: type) -> None:
        del self._kept[next(k for k, each in self._kept.items() if isinstance(each, kind))]
