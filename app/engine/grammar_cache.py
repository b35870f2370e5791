"""Compiles clients' structured outputs in the background, and caches the grammars and the errors.

A thread of its own validates each one in a child process and then compiles it, one at a
time and at a lower priority than the engine's thread.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import threading
from weakref import WeakKeyDictionary

from app.engine.compiled_grammars import CompiledGrammar, CompiledGrammars
from app.engine.errors import (
    EngineError,
    GenerationFailed,
    InvalidRequest,
    Overloaded,
    UnsupportedGrammar,
)
from app.engine.grammar_jobs import GrammarJob, GrammarJobs, OnCompiled, Waiter
from app.engine.request_handle import RequestHandle
from app.structured_output.grammar_compiler import (
    MAX_TEXT_BYTES,
    GrammarCompiler,
    GrammarTokens,
    InvalidGrammar,
)
from app.structured_output.grammar_constraint import ConstraintFailed, GrammarConstraint
from app.structured_output.library_errors import CANNOT_BE_KEPT
from app.structured_output.structured_output import StructuredOutput
from app.structured_output.validation_process import ValidationProcess, ValidationProcessDied

#: Memory for the grammars of all running answers together, as estimated by the validation.
MAX_RUNNING_BYTES = 2 << 30
#: More than the validation's thread has, so that a grammar that passed it cannot overflow here.
_STACK_BYTES = 64 << 20
_NICE = 5

log = logging.getLogger(__name__)


class GrammarCache:
    """Owned by `AsyncEngine`. Any thread may call it."""

    def __init__(self, tokens: GrammarTokens) -> None:
        self._tokens = tokens
        self._compiler: GrammarCompiler | None = None  # set by the compiling thread, then read only
        self._changed = threading.Condition()  # guards everything below
        self._compiled = CompiledGrammars()
        self._jobs = GrammarJobs()
        self._running_bytes: WeakKeyDictionary[RequestHandle, int] = WeakKeyDictionary()
        self._thread: threading.Thread | None = None

    def request(
        self,
        output: StructuredOutput,
        answer_prefix: str,
        handle: RequestHandle,
        on_compiled: OnCompiled,
    ) -> None:
        """Call `on_compiled` with a constraint for the request's answers, or with an error: at
        once, on this thread, if it is cached. Never, if the request ends before.

        answer_prefix: text that the answers continue; it must begin a whole answer.
        """
        key = hashlib.sha256(f"{output.kind} {output.text}".encode()).digest()
        waiter = Waiter(answer_prefix, handle, on_compiled)
        if len(output.text) > MAX_TEXT_BYTES:
            error = UnsupportedGrammar(f"it is over {MAX_TEXT_BYTES >> 20} MiB of text")
            on_compiled(error)
            return
        with self._changed:
            cached = self._compiled.get(key)
            if cached is None:
                self._enqueue(key, output, waiter)
                return
        self._notify(waiter, cached)

    def _enqueue(self, key: bytes, output: StructuredOutput, waiter: Waiter) -> None:
        self._jobs.add(key, output, waiter)
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

    def _notify(self, waiter: Waiter, result: CompiledGrammar | str) -> None:
        if isinstance(result, str):
            waiter.on_compiled(UnsupportedGrammar(result))
        else:
            waiter.on_compiled(self._first_state(result, waiter))

    def _first_state(
        self, grammar: CompiledGrammar, waiter: Waiter
    ) -> GrammarConstraint | EngineError:
        """A copy of the grammar, after the waiter's `answer_prefix`."""
        needed_bytes = grammar.size_bytes * waiter.handle.choices
        with self._changed:
            if sum(self._running_bytes.values()) + needed_bytes > MAX_RUNNING_BYTES:
                return Overloaded("answers to large grammars take all memory there is for them")
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
                while not self._jobs:
                    self._changed.wait()
                job = self._jobs.next()
            result = self._compile(job, process)
            with self._changed:
                self._jobs.end(job)
                waiters = [each for each in job.waiters if not each.handle.preparation_ended]
                if result is None:  # abandoned; but a request may have come since
                    for waiter in waiters:
                        self._enqueue(job.key, job.output, waiter)
                    continue
            for waiter in waiters:
                if isinstance(result, EngineError):
                    waiter.on_compiled(result)
                else:
                    self._notify(waiter, result)

    def _compile(
        self, job: GrammarJob, process: ValidationProcess
    ) -> CompiledGrammar | str | EngineError | None:
        """A grammar, an error message to cache, or another error; None when no request waits for
        it any more."""

        def abandoned() -> bool:
            with self._changed:
                return all(waiter.handle.preparation_ended for waiter in job.waiters)

        if abandoned():
            return None
        try:
            verdict = process.validate(job.output, abandoned)
            if verdict is None:
                return None
            result = (
                self._compile_validated(verdict.text, verdict.size_bytes)
                if verdict.valid
                else verdict.text
            )
            if verdict.cacheable:
                with self._changed:
                    self._compiled.put(job.key, result)
            return result
        except (ValidationProcessDied, OSError):
            log.exception("a grammar could not be validated")
            return GenerationFailed("the server failed; try again")
        except Exception:
            log.exception("validating or compiling a grammar failed")
            return GenerationFailed("the server failed; try again")

    def _compile_validated(self, grammar: str, size_bytes: int) -> CompiledGrammar | str:
        """A grammar, or the message of an error."""
        if self._compiler is None:
            self._compiler = GrammarCompiler(self._tokens)
        try:
            matcher = self._compiler.compile(grammar)
            constraint = GrammarConstraint(matcher, len(self._tokens.token_bytes))
            constraint.allowed()  # computes the first mask once, for all copies
        except (InvalidGrammar, ConstraintFailed):
            return CANNOT_BE_KEPT
        return CompiledGrammar(constraint, size_bytes)
