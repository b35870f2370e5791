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

from app.api.json_http import encode_json
from app.api.response_headers import ResponseHeaders
from app.connection.request_context import RequestContext
from app.engine.types import Progress
from app.generation.text_stream import PieceStream
from app.protocol.completion_meta import Piece, Usage
from app.protocol.errors import describe

#: Proxies drop a connection on which nothing comes for a minute or so.
PING_AFTER_S = 15.0
#: A client that sends nothing more may have gone: it is written to at once, and as often as this
#: where nothing else is, for a proxy on the way takes the first write and fails at the second.
PROBE_EVERY_S = 0.2

_PING = b": ping\n\n"
_log = logging.getLogger(__name__)


class Chunks(Protocol):
    """A route's shapes."""

    @property
    def tells_progress(self) -> bool:
        """Whether the client wants to hear of queue and prompt before the first text."""

    def piece(self, piece: Piece) -> list[dict[str, object]]:
        """Chunks for new text, the end of a choice, or both."""

    def closing(self, usage: Usage) -> list[dict[str, object]]:
        """Chunks after the last choice's end."""


class StreamCut(ConnectionResetError):
    """Ends a body that must not look complete. To the WSGI server it is a connection that was
    reset, so it closes the connection without the last chunk's mark."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the stream was cut")


def sse_response(
    pieces: PieceStream, chunks: Chunks, caller: RequestContext, notes: ResponseHeaders
) -> Response:
    """The response whose body is the request's pieces."""
    body = write_events(pieces, chunks, caller, g.request_id)
    response = Response(body, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    notes.write(response)
    # A generator that was never started has no `finally` to run.
    response.call_on_close(pieces.cancel)
    return response


def write_events(
    pieces: PieceStream, chunks: Chunks, caller: RequestContext, request_id: str
) -> Iterator[bytes]:
    """The body, all events that are there at once in one piece.

    Raises:
        StreamCut: the client has gone, or has just been sent an error event.
    """
    try:
        with caller.connection.watched(pieces.cancel, pieces.wake):
            yield from _answer(pieces, chunks, caller)
    except StreamCut:
        raise
    except Exception as error:
        failure = describe(error, request_id)
        if failure.status == 500:
            _log.exception("a stream failed", extra={"facts": {"request_id": request_id}})
        yield _data(failure.body())
        raise StreamCut from error
    finally:
        pieces.cancel()


def _answer(pieces: PieceStream, chunks: Chunks, caller: RequestContext) -> Iterator[bytes]:
    written_at = time.monotonic()
    silence_s = PING_AFTER_S  # until a ping
    pinged = False
    while not pieces.done:
        news = pieces.next_pieces(caller.wait_timeout_s())
        if caller.connection.gone:
            raise StreamCut
        data = _events(news, chunks)
        if caller.connection.half_closed:
            silence_s = 0.0 if silence_s == PING_AFTER_S else PROBE_EVERY_S
        if data and pinged:
            # Clients that strip what they receive join a comment to what comes next: once more
            # in one write with it, they read both.
            data, pinged = _PING + data, False
        elif not data and time.monotonic() - written_at >= silence_s:
            data, pinged = _PING, True
        if data:
            yield data
            written_at = time.monotonic()
    closing = chunks.closing(pieces.usage)
    yield b"".join(map(_data, closing)) + b"data: [DONE]\n\n"


def _events(news: Sequence[Piece | Progress], chunks: Chunks) -> bytes:
    """Texts, after the latest news of progress for a client that asked for it: others split the
    stream into lines and take every one for data."""
    told = news if chunks.tells_progress else ()
    progress = [_comment(each) for each in told if isinstance(each, Progress)]
    pieces = [each for each in news if isinstance(each, Piece)]
    data = [_data(chunk) for piece in pieces for chunk in chunks.piece(piece)]
    return b"".join(progress[-1:] + data)


def _comment(progress: Progress) -> bytes:
    if progress.queued:
        return b": queued %d\n\n" % progress.queued
    return b": prefill %d/%d\n\n" % (progress.prefilled_tokens, progress.prompt_tokens)


def _data(body: dict[str, object]) -> bytes:
    return b"data: " + encode_json(body).encode() + b"\n\n"
