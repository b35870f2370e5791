"""Compiles clients' JSON schemas in the background, and caches the grammars and the errors.

A thread of its own validates each schema in a child process and then compiles it, one schema at a
time and at a lower priority than the engine's thread.
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
from app.structured_output.validation_process import ValidationProcess, ValidationProcessDied

#: Limits of the cache: grammars by number and by memory, errors by number.
MAX_GRAMMARS = 64
MAX_CACHED_BYTES = 256 << 20
MAX_ERRORS = 1024
#: Memory for the grammars of all running answers together, as estimated by the validation.
MAX_RUNNING_BYTES = 2 << 30
#: More than the validation's thread has, so that a schema that passed it cannot overflow here.
_STACK_BYTES = 64 << 20
_NICE = 5

OnCompiled = Callable[[JsonConstraint | EngineError], None]
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Grammar:
    """A compiled schema; every answer gets a copy of its first state."""

    constraint: JsonConstraint
    size_bytes: int


@dataclass(slots=True)
class _Waiter:
    answer_prefix: str
    handle: RequestHandle
    on_compiled: OnCompiled


@dataclass(slots=True)
class _Job:
    """One schema to compile, and the requests that wait for it."""

    key: bytes
    schema: str
    waiters: list[_Waiter] = field(default_factory=list)


class GrammarCache:
    """Owned by `AsyncEngine`. Any thread may call it."""

    def __init__(self, tokens: GrammarTokens) -> None:
        self._tokens = tokens
        self._compiler: GrammarCompiler | None = None  # set by the compiling thread, then read only
        self._changed = threading.Condition()  # guards everything below
        self._cached: OrderedDict[bytes, _Grammar | str] = OrderedDict()  # str: an error message
        self._jobs: dict[bytes, _Job] = {}
        #: Jobs by owner. Owners take turns, so that one with many schemas does not block others.
        self._queues: OrderedDict[str, deque[_Job]] = OrderedDict()
        self._running_bytes: WeakKeyDictionary[RequestHandle, int] = WeakKeyDictionary()
        self._thread: threading.Thread | None = None

    def request(
        self, schema: str, answer_prefix: str, handle: RequestHandle, on_compiled: OnCompiled
    ) -> None:
        """Call `on_compiled` with a constraint for the request's answers, or with an error: at
        once, on this thread, if the schema is cached. Never, if the request ends before.

        answer_prefix: text that the answers continue; it must begin an instance of the schema.
        """
        key = hashlib.sha256(schema.encode()).digest()
        waiter = _Waiter(answer_prefix, handle, on_compiled)
        if len(schema) > MAX_SCHEMA_BYTES:
            error = UnsupportedSchema(f"the schema is over {MAX_SCHEMA_BYTES >> 20} MiB of JSON")
            on_compiled(error)
            return
        with self._changed:
            cached = self._cached.get(key)
            if cached is None:
                self._enqueue(key, schema, waiter)
                return
            self._cached.move_to_end(key)
        self._notify(waiter, cached)

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

    def _notify(self, waiter: _Waiter, result: _Grammar | str) -> None:
        if isinstance(result, str):
            waiter.on_compiled(UnsupportedSchema(result))
        else:
            waiter.on_compiled(self._first_state(result, waiter))

    def _first_state(self, grammar: _Grammar, waiter: _Waiter) -> JsonConstraint | EngineError:
        """A copy of the grammar, after the waiter's `answer_prefix`."""
        needed_bytes = grammar.size_bytes * waiter.handle.choices
        with self._changed:
            if sum(self._running_bytes.values()) + needed_bytes > MAX_RUNNING_BYTES:
                return Overloaded("answers to large schemas take all memory there is for them")
            self._running_bytes[waiter.handle] = needed_bytes
            constraint = grammar.constraint.copy()
        assert self._compiler is not None
        try:
            tokens = self._compiler.tokenize(waiter.answer_prefix)
            fits = bool(tokens) and constraint.accept_all(tokens)
        except ConstraintFailed:
            fits = False
        if waiter.answer_prefix and not fits:
            return InvalidRequest(
                "the text to be continued does not begin an answer to the schema, whose properties "
                "come in the schema's order"
            )
        return constraint

    # --- the compiling thread

    def _run(self) -> None:
        if sys.platform == "linux":  # where each thread has a priority of its own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        process = ValidationProcess(self._tokens)
        while True:
            with self._changed:
                while not self._queues:
                    self._changed.wait()
                job = self._next_job()
            result = self._compile(job, process)
            with self._changed:
                del self._jobs[job.key]
                waiters = [each for each in job.waiters if not each.handle.preparation_ended]
                if result is None:  # abandoned; but a request may have come since
                    for waiter in waiters:
                        self._enqueue(job.key, job.schema, waiter)
                    continue
            for waiter in waiters:
                if isinstance(result, EngineError):
                    waiter.on_compiled(result)
                else:
                    self._notify(waiter, result)

    def _next_job(self) -> _Job:
        """The next job of the owner whose turn it is."""
        owner, queue = self._queues.popitem(last=False)
        job = queue.popleft()
        if queue:
            self._queues[owner] = queue
        return job

    def _compile(
        self, job: _Job, process: ValidationProcess
    ) -> _Grammar | str | EngineError | None:
        """A grammar, an error message to cache, or another error; None when no request waits for
        the schema any more."""

        def abandoned() -> bool:
            with self._changed:
                return all(waiter.handle.preparation_ended for waiter in job.waiters)

        if abandoned():
            return None
        try:
            verdict = process.validate(job.schema, abandoned)
            if verdict is None:
                return None
            result = (
                self._compile_validated(verdict.text, verdict.size_bytes)
                if verdict.valid
                else verdict.text
            )
            if verdict.cacheable:
                self._cache(job.key, result)
            return result
        except (ValidationProcessDied, OSError):
            log.exception("a schema could not be validated")
            return GenerationFailed("the server failed; try again")
        except Exception:
            log.exception("validating or compiling a schema failed")
            return GenerationFailed("the server failed; try again")

    def _compile_validated(self, schema: str, size_bytes: int) -> _Grammar | str:
        """A grammar, or the message of an error."""
        if self._compiler is None:
            self._compiler = GrammarCompiler(self._tokens)
        try:
            matcher = self._compiler.compile(schema)
            constraint = JsonConstraint(matcher, len(self._tokens.token_bytes))
            constraint.allowed()  # computes the first mask once, for all copies
        except InvalidSchema as error:
            return str(error)
        except ConstraintFailed:
            return "no answer can be kept to this schema"
        return _Grammar(constraint, size_bytes)

    def _cache(self, key: bytes, result: _Grammar | str) -> None:
        with self._changed:
            self._cached[key] = result
            for kind, limit in ((_Grammar, MAX_GRAMMARS), (str, MAX_ERRORS)):
                while sum(isinstance(each, kind) for each in self._cached.values()) > limit:
                    self._evict_oldest(kind)
            while self._cached_bytes() > MAX_CACHED_BYTES:
                self._evict_oldest(_Grammar)

    def _cached_bytes(self) -> int:
        grammars = (each for each in self._cached.values() if isinstance(each, _Grammar))
        return sum(grammar.size_bytes for grammar in grammars)

    def _evict_oldest(self, kind: type) -> None:
        del self._cached[next(k for k, each in self._cached.items() if isinstance(each, kind))]
