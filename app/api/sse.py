"""Writes an accepted request's events as server-sent events, as they come.

Knows nothing about dialects: `Chunks` says what a delta looks like.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from flask import Response, g

from app.api.wire import encode_json, name_ignored
from app.calls.connection import POLL_S, Connection
from app.engine import Stream
from app.engine.types import Delta, Event, Progress
from app.schemas.answers import Usage
from app.schemas.errors import describe

#: Proxies drop a connection on which nothing comes for a minute or so.
PING_AFTER_S = 15.0

_log = logging.getLogger(__name__)


class Chunks(Protocol):
    """A route's shapes."""

    def opening(self) -> list[dict[str, object]]:
        """Chunks before the first text."""

    def delta(self, delta: Delta) -> list[dict[str, object]]:
        """Chunks for new text, the end of a choice, or both."""

    def closing(self, usage: Usage) -> list[dict[str, object]]:
        """Chunks after the last choice's end."""


class StreamCut(ConnectionResetError):
    """Ends a body that must not look complete. To the WSGI server it is a connection that was
    reset, so it closes the connection without the last chunk's mark."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the stream was cut")


def sse_response(
    stream: Stream, chunks: Chunks, connection: Connection, ignored: Sequence[str]
) -> Response:
    """The response whose body is the stream's events."""
    body = write_events(stream, chunks, connection, g.request_id)
    response = Response(body, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    name_ignored(response, ignored)
    # A generator that was never started has no `finally` to run.
    response.call_on_close(stream.cancel)
    return response


def write_events(
    stream: Stream, chunks: Chunks, connection: Connection, request_id: str
) -> Iterator[bytes]:
    """The body, all events that are there at once in one piece.

    Raises:
        StreamCut: the client has gone, or has just been sent an error event.
    """
    try:
        yield from _answer(stream, chunks, connection)
    except StreamCut:
        raise
    except Exception as error:
        failure = describe(error, request_id)
        if failure.status == 500:
            _log.exception("request %s failed in its stream", request_id)
        yield _data(failure.body())
        raise StreamCut from error
    finally:
        stream.cancel()


def _answer(stream: Stream, chunks: Chunks, connection: Connection) -> Iterator[bytes]:
    tokens = 0
    written_at = time.monotonic()
    if opening := b"".join(map(_data, chunks.opening())):
        yield opening
    while not stream.done:
        events = stream.next_events(POLL_S)
        if connection.gone():
            raise StreamCut
        piece = _piece(events, chunks)
        tokens += sum(len(event.token_ids) for event in events if isinstance(event, Delta))
        if not piece and time.monotonic() - written_at >= PING_AFTER_S:
            piece = b": ping\n\n"
        if piece:
            yield piece
            written_at = time.monotonic()
    closing = chunks.closing(Usage(stream.prompt_tokens, tokens))
    yield b"".join(map(_data, closing)) + b"data: [DONE]\n\n"


def _piece(events: Sequence[Event], chunks: Chunks) -> bytes:
    """Texts, after the latest news of progress."""
    progress = [_comment(event) for event in events if isinstance(event, Progress)]
    deltas = [event for event in events if isinstance(event, Delta)]
    data = [_data(chunk) for delta in deltas for chunk in chunks.delta(delta)]
    return b"".join(progress[-1:] + data)


def _comment(progress: Progress) -> bytes:
    if progress.queued:
        return b": queued %d\n\n" % progress.queued
    return b": prefill %d/%d\n\n" % (progress.prefilled_tokens, progress.prompt_tokens)


def _data(body: dict[str, object]) -> bytes:
    return b"data: " + encode_json(body).encode() + b"\n\n"
