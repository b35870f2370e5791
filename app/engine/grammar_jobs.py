"""Structured outputs that wait to be compiled, and the requests that wait for them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from app.engine.errors import EngineError
from app.engine.request_handle import RequestHandle
from app.structured_output.grammar_constraint import GrammarConstraint
from app.structured_output.structured_output import StructuredOutput

OnCompiled = Callable[[GrammarConstraint | EngineError], None]


@dataclass(slots=True)
class Waiter:
    """A request that waits for a grammar."""

    answer_prefix: str
    handle: RequestHandle
    on_compiled: OnCompiled


@dataclass(slots=True)
class GrammarJob:
    """One structured output to compile."""

    key: bytes
    output: StructuredOutput
    waiters: list[Waiter] = field(default_factory=list)


class GrammarJobs:
    """Jobs by owner. Owners take turns, so that one with many grammars does not block others. Not
    thread-safe."""

    def __init__(self) -> None:
        self._jobs: dict[bytes, GrammarJob] = {}
        self._queues: OrderedDict[str, deque[GrammarJob]] = OrderedDict()

    def __bool__(self) -> bool:
        """Whether a job waits."""
        return bool(self._queues)

    def add(self, key: bytes, output: StructuredOutput, waiter: Waiter) -> None:
        """Let a request wait for a job, which begins to wait itself if it is new."""
        job = self._jobs.get(key)
        if job is None:
            job = self._jobs[key] = GrammarJob(key, output)
            self._queues.setdefault(waiter.handle.owner.name, deque()).append(job)
        job.waiters.append(waiter)

    def next(self) -> GrammarJob:
        """The next job of the owner whose turn it is; requests may join it until it is ended."""
        owner, queue = self._queues.popitem(last=False)
        job = queue.popleft()
        if queue:
            self._queues[owner] = queue
        return job

    def end(self, job: GrammarJob) -> None:
        """Let no more requests join the job."""
        del self._jobs[job.key]
