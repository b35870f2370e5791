"""Starts real engines in process and collects their output."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.engine.async_engine import AsyncEngine
from app.engine.events import Embedding, FinishReason, OutputDelta, TokenLogprob
from app.engine.request_handle import RequestHandle

WAIT_S = 120.0


def start(engine: AsyncEngine) -> AsyncEngine:
    """Start an engine and wait until it is ready."""
    ready, failures = threading.Event(), list[BaseException]()

    def failed(error: BaseException) -> None:
        failures.append(error)
        ready.set()

    engine.start(lambda info: ready.set(), failed)
    assert ready.wait(WAIT_S)
    if failures:
        raise failures[0]
    return engine


def engine_of(directory: Path, **settings: Any) -> AsyncEngine:
    """A started engine of a directory without a tokenizer."""
    # Imported here because it needs torch, and tests/engine does not.
    from tests.harness.without_tokenizer import load_without_tokenizer

    return start(AsyncEngine(lambda: load_without_tokenizer(directory, **settings), 1000))


@dataclass
class Choice:
    """One collected answer."""

    text: str = ""
    reasoning: str = ""
    reasoning_tokens: int = 0
    tokens: list[int] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    reason: FinishReason | None = None
    stop_reason: str | None = None


def collect(handle: RequestHandle) -> list[Choice]:
    """Wait for all choices of a request."""
    choices: dict[int, Choice] = {}
    while not handle.done:
        events = handle.next_events(WAIT_S)
        assert events or handle.done, "the engine went silent"
        for event in events:
            if isinstance(event, OutputDelta):
                choice = choices.setdefault(event.index, Choice())
                assert choice.reason is None, "a delta after the end"
                choice.text += event.text
                choice.reasoning += event.reasoning
                choice.reasoning_tokens += event.reasoning_tokens
                choice.tokens += event.token_ids
                choice.logprobs += event.logprobs
                choice.reason = event.finish_reason
                choice.stop_reason = event.stop_reason
    return [choices[index] for index in sorted(choices)]


def collect_vectors(handle: RequestHandle) -> list[bytes]:
    """Wait for all embeddings of a request."""
    vectors: dict[int, bytes] = {}
    while not handle.done:
        events = handle.next_events(WAIT_S)
        assert events or handle.done, "the engine went silent"
        vectors |= {event.index: event.values for event in events if isinstance(event, Embedding)}
    return [vectors[index] for index in sorted(vectors)]
