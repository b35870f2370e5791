"""The state of the engine, and its counters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EngineState(StrEnum):
    """The state of the engine; only READY accepts requests."""

    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"  #: refuses new requests, finishes the running ones
    DEAD = "dead"  #: after a fault that needs a new process
    #: The upstream does not answer, or says that it is not ready.
    UPSTREAM_UNREACHABLE = "upstream_unreachable"


@dataclass(slots=True)
class TokenUsage:
    """What requests have used. Each is counted once, whether it completes, fails or is
    cancelled."""

    requests: int = 0
    prompt_tokens: int = 0
    generation_tokens: int = 0  #: over all choices; of beam search those of its answers
    cached_tokens: int = 0  #: prompt tokens found in the cache; counted when the request ends


@dataclass(frozen=True, slots=True)
class DayUsage:
    """What one key has used on this day."""

    start_time: int  #: Unix seconds: midnight UTC, or the server's start if that was later
    usage: TokenUsage


@dataclass(frozen=True, slots=True)
class EngineStats:
    """A snapshot of the engine's counters; it may be one step old."""

    running: int = 0
    waiting: int = 0
    accepted: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    prompt_tokens: int = 0
    generation_tokens: int = 0
    steps: int = 0
    preemptions: int = 0
    prefix_queried_tokens: int = 0  #: prompt tokens looked up in the prefix cache
    prefix_reused_tokens: int = 0  #: of them, those that were found
    kv_usage_ratio: float = 0.0
    finished: tuple[tuple[str, int], ...] = ()  #: (finish reason, choices)
    ttft_seconds: tuple[tuple[float, int], ...] = ()  #: (upper bound, cumulative count)
    ttft_sum_seconds: float = 0.0
    itl_seconds: tuple[tuple[float, int], ...] = ()
    itl_sum_seconds: float = 0.0
    usage_by_key: tuple[tuple[str, TokenUsage], ...] = ()  #: (key name, usage since the start)
