"""Writes an accepted request's deltas as server-sent events, as they come."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Iterable, Iterator, Sequence

from flask import Response, g, request

from app.api.chunks import Chunks
from app.api.response_headers import ResponseHeaders
from app.engine.events import OutputDelta, Progress
from app.generation.text_stream import TextStream
from app.protocol.api_family import ANTHROPIC_VERSION, ApiFamily, api_family
from app.protocol.error_body import error_body
from app.protocol.errors import describe

#: Proxies drop a connection on which nothing comes for a minute or so.
PING_AFTER_S = 15.0
#: A client that sends nothing more may have gone: it is written to at once, and as often as this
#: where nothing else is, for a proxy on the way takes the first write and fails at the second.
PROBE_EVERY_S = 0.2

_log = logging.getLogger(__name__)


class StreamCut(ConnectionResetError):
    """Ends a body that must not look complete. To the WSGI server it is a connection that was
    reset, so it closes the connection without the last chunk's mark."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the stream was cut")


def sse_response(stream: TextStream, chunks: Chunks, headers: ResponseHeaders) -> Response:
    """The response whose body is the request's deltas."""
    family = api_family(request.path, request.headers.get(ANTHROPIC_VERSION))
    events = write_events(stream, chunks, g.request_id, family)
    response = Response(events, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    headers.write(response)
    # A generator that was never started has no `finally` to run.
    response.call_on_close(stream.cancel)
    return response


def write_events(
    stream: TextStream, chunks: Chunks, request_id: str, family: ApiFamily
) -> Iterator[bytes]:
    """The body, all events that are there at once in one write; errors in the form of `family`.

    Raises:
        StreamCut: the client has gone, or has just been sent an error event that does not say
            that it is the last.
    """
    try:
        with stream.context.connection.watch_disconnect(stream.cancel, stream.wake):
            yield from _write_deltas(stream, chunks)
    except StreamCut:
        raise
    except Exception as error:
        failure = describe(error, request_id)
        if failure.status == 500:
            _log.exception("a stream failed", extra={"fields": {"request_id": request_id}})
        yield _write(chunks.failed(error_body(failure, family, request_id)), chunks)
        if chunks.sse_format.end:  # without it the body must not look complete
            raise StreamCut from error
    finally:
        stream.cancel()


def _write_deltas(stream: TextStream, chunks: Chunks) -> Iterator[bytes]:
    connection, ping = stream.context.connection, chunks.sse_format.ping
    opening = _write(chunks.opening(stream.usage), chunks)
    if opening:
        yield opening
    written_at = time.monotonic()
    silence_s = PING_AFTER_S  # until a ping
    pinged = False
    while not stream.done:
        deltas = stream.next_deltas()
        if connection.disconnected:
            raise StreamCut
        data = _events(deltas, chunks)
        if connection.half_closed:
            silence_s = 0.0 if silence_s == PING_AFTER_S else PROBE_EVERY_S
        if data and pinged:
            # Clients that strip what they receive join a comment to what comes next: once more
            # in one write with it, they read both.
            data, pinged = ping + data, False
        elif not data and time.monotonic() - written_at >= silence_s:
            data, pinged = ping, True
        if data:
            yield data
            written_at = time.monotonic()
    yield _write(chunks.closing(stream.usage), chunks) + chunks.sse_format.end


def _events(news: Sequence[OutputDelta | Progress], chunks: Chunks) -> bytes:
    """Chunks, after the latest progress for a client that asked for it: others split the
    stream into lines and take every one for data."""
    progress = [each for each in news if isinstance(each, Progress)]
    comments = [_comment(progress[-1])] if progress and chunks.return_progress else []
    deltas = [each for each in news if isinstance(each, OutputDelta)]
    data = [_write(chunks.delta(delta), chunks) for delta in deltas]
    return b"".join(comments + data)


def _comment(progress: Progress) -> bytes:
    if progress.queued:
        return b": queued %d\n\n" % progress.queued
    return b": prefill %d/%d\n\n" % (progress.prefilled_tokens, progress.prompt_tokens)


def _write(events: Iterable[dict[str, object]], chunks: Chunks) -> bytes:
    return b"".join(map(chunks.sse_format.write, events))
