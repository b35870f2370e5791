"""Waits for an accepted request's whole answer, and gives up when the client does.

Knows nothing about routes, dialects or JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from app.calls.connection import POLL_S, Connection
from app.calls.pieces import PieceStream
from app.engine import Stream
from app.engine.types import FinishReason, Progress, Vector
from app.schemas.answers import Answer, Token, Usage
from app.schemas.errors import ClientGone


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
    with _cancelled_at_the_end(pieces):
        while not pieces.done:
            for piece in pieces.next_pieces(POLL_S):
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
    with _cancelled_at_the_end(stream):
        while not stream.done:
            for event in stream.next_events(POLL_S):
                if isinstance(event, Vector):
                    vectors[event.index] = event.values
            _look_for(connection)
    return tuple(vectors)


@contextmanager
def _cancelled_at_the_end(work: PieceStream | Stream) -> Iterator[None]:
    try:
        yield
    finally:
        work.cancel()


def _look_for(connection: Connection) -> None:
    if connection.gone():
        raise ClientGone("The client closed the connection")
