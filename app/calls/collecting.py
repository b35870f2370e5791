"""Waits for an accepted request's whole answer, and gives up when the client does.

Knows nothing about routes, dialects or JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.calls.connection import POLL_S, Connection
from app.engine import Stream
from app.engine.types import Delta, Event, FinishReason, Vector
from app.schemas.answers import Answer, Usage
from app.schemas.errors import ClientGone


@dataclass(frozen=True, slots=True)
class Collected:
    """All choices of one request, in order."""

    answers: tuple[Answer, ...]
    usage: Usage


def collect_answers(stream: Stream, choices: int, connection: Connection) -> Collected:
    """Wait for all choices' texts.

    Raises:
        ClientGone: nobody waits any more.
        EngineError: the request failed.
    """
    texts: list[list[str]] = [[] for _ in range(choices)]
    reasons = [FinishReason.STOP] * choices
    tokens = 0
    for event in _events(stream, connection):
        if isinstance(event, Delta):
            texts[event.index].append(event.text)
            tokens += len(event.token_ids)
            reasons[event.index] = event.finish_reason or reasons[event.index]
    answers = (Answer("".join(text), why) for text, why in zip(texts, reasons, strict=True))
    return Collected(tuple(answers), Usage(stream.prompt_tokens, tokens))


def collect_vectors(stream: Stream, inputs: int, connection: Connection) -> tuple[bytes, ...]:
    """Wait for all inputs' vectors.

    Raises:
        ClientGone: nobody waits any more.
        EngineError: the request failed.
    """
    vectors = [b""] * inputs
    for event in _events(stream, connection):
        if isinstance(event, Vector):
            vectors[event.index] = event.values
    return tuple(vectors)


def _events(stream: Stream, connection: Connection) -> Iterator[Event]:
    try:
        while not stream.done:
            yield from stream.next_events(POLL_S)
            if connection.gone():
                raise ClientGone("The client closed the connection")
    finally:
        stream.cancel()
