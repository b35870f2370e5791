"""Waits for an accepted request's whole answer, and gives up when the client does.

Knows nothing about routes, dialects or JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from app.connection.request_context import RequestContext
from app.engine.request_handle import RequestHandle
from app.engine.types import Embedding, FinishReason, Progress
from app.generation.text_stream import PieceStream
from app.protocol.completion_meta import Answer, Token, Usage


class Collected(NamedTuple):
    """All choices of one request, in order."""

    answers: tuple[Answer, ...]
    usage: Usage


def collect_answers(pieces: PieceStream, choices: int, caller: RequestContext) -> Collected:
    """Wait for all choices' texts.

    Raises:
        ClientGone, DeadlinePassed: nobody waits any more.
        EngineError: the request failed.
    """
    texts: list[list[str]] = [[] for _ in range(choices)]
    tokens: list[list[Token]] = [[] for _ in range(choices)]
    reasons = [FinishReason.STOP] * choices
    echoed = [0] * choices
    with _waiting(pieces, caller):
        while not pieces.done:
            for piece in pieces.next_pieces(caller.wait_timeout_s()):
                if not isinstance(piece, Progress):
                    texts[piece.index].append(piece.text)
                    tokens[piece.index] += piece.tokens
                    echoed[piece.index] += len(piece.tokens) if piece.is_prompt else 0
                    reasons[piece.index] = piece.finish_reason or reasons[piece.index]
            caller.check()
    answers = (
        Answer("".join(text), reason, tuple(own), prompt)
        for text, reason, own, prompt in zip(texts, reasons, tokens, echoed, strict=True)
    )
    return Collected(tuple(answers), pieces.usage)


def collect_vectors(
    stream: RequestHandle, inputs: int, caller: RequestContext
) -> tuple[bytes, ...]:
    """Wait for all inputs' vectors.

    Raises:
        ClientGone, DeadlinePassed: nobody waits any more.
        EngineError: the request failed.
    """
    vectors = [b""] * inputs
    with _waiting(stream, caller):
        while not stream.done:
            for event in stream.next_events(caller.wait_timeout_s()):
                if isinstance(event, Embedding):
                    vectors[event.index] = event.values
            caller.check()
    return tuple(vectors)


@contextmanager
def _waiting(work: PieceStream | RequestHandle, caller: RequestContext) -> Iterator[None]:
    """A client that leaves cancels the work, and so does whatever ends the wait."""
    try:
        with caller.connection.watched(work.cancel):
            yield
    finally:
        work.cancel()
