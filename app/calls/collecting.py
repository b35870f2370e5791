"""Waits for an accepted request's whole answer, and gives up when the client does.

Knows nothing about routes, dialects or JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from app.calls.connection import Connection
from app.calls.pieces import PieceStream
from app.engine import Stream
from app.engine.types import FinishReason, Progress, Vector
from app.schemas.answers import Answer, Token, Usage
from app.schemas.errors import ClientGone

#: How long a thread sleeps when nothing happens. News of the engine or the client wake it.
WAIT_S = 1.0


class Collected(NamedTuple):
    """All choices of one request, in order."""

    answers: tuple[Answer, ...]
    usage: Usage


def collect_answers(pieces: PieceStream, choices: int, connection: Connection) -> Collected:
    """Wait for all choices' texts.

    Raises:
        ClientGone: nobody waits any more.
        EngineError: the request failed.
    """
    texts: list[list[str]] = [[] for _ in range(choices)]
    tokens: list[list[Token]] = [[] for _ in range(choices)]
    reasons = [FinishReason.STOP] * choices
    echoed = [0] * choices
    with _waiting(pieces, connection):
        while not pieces.done:
            for piece in pieces.next_pieces(WAIT_S):
                if not isinstance(piece, Progress):
                    texts[piece.index].append(piece.text)
                    tokens[piece.index] += piece.tokens
                    echoed[piece.index] += len(piece.tokens) if piece.is_prompt else 0
                    reasons[piece.index] = piece.finish_reason or reasons[piece.index]
            _look_for(connection)
    answers = (
        Answer("".join(text), reason, tuple(own), prompt)
        for text, reason, own, prompt in zip(texts, reasons, tokens, echoed, strict=True)
    )
    return Collected(tuple(answers), pieces.usage)


def collect_vectors(stream: Stream, inputs: int, connection: Connection) -> tuple[bytes, ...]:
    """Wait for all inputs' vectors.

    Raises:
        ClientGone: nobody waits any more.
        EngineError: the request failed.
    """
    vectors = [b""] * inputs
    with _waiting(stream, connection):
        while not stream.done:
            for event in stream.next_events(WAIT_S):
                if isinstance(event, Vector):
                    vectors[event.index] = event.values
            _look_for(connection)
    return tuple(vectors)


@contextmanager
def _waiting(work: PieceStream | Stream, connection: Connection) -> Iterator[None]:
    """A client that leaves cancels the work, and so does whatever ends the wait."""
    try:
        with connection.watched(work.cancel):
            yield
    finally:
        work.cancel()


def _look_for(connection: Connection) -> None:
    if connection.gone:
        raise ClientGone("The client closed the connection")
