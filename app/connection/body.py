"""Reads a request's body up to a size limit."""

from __future__ import annotations

from typing import IO

from gunicorn.http.errors import NoMoreData, ParseException

from app.protocol.errors import BadRequest, BodyTooLarge, ClientGone

_CHUNK_BYTES = 1 << 16


def read_body(stream: IO[bytes], declared_bytes: int | None, limit_bytes: int) -> bytes:
    """Read the whole body. declared_bytes: Content-Length; None: a chunked body.

    Raises:
        BodyTooLarge: the body, or the declared length, is over the limit.
        BadRequest: the body is shorter than declared, or its chunks are malformed.
        ClientGone: the client disconnected or stopped sending.
    """
    if declared_bytes is not None and declared_bytes > limit_bytes:
        raise _too_large(limit_bytes)
    chunks: list[bytes] = []
    size = 0
    while chunk := _read_chunk(stream, min(_CHUNK_BYTES, limit_bytes + 1 - size)):
        chunks.append(chunk)
        size += len(chunk)
        if size > limit_bytes:
            raise _too_large(limit_bytes)
    if declared_bytes is not None and size < declared_bytes:
        raise BadRequest(f"The body ended after {size} of {declared_bytes} bytes")
    return b"".join(chunks)


def _read_chunk(stream: IO[bytes], size: int) -> bytes:
    try:
        return stream.read(size)
    except (ParseException, NoMoreData) as error:
        raise BadRequest("The body's chunks are not valid HTTP") from error
    except OSError as error:  # timeout, or disconnected
        raise ClientGone("The body was not received") from error


def _too_large(limit_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is over this server's limit of {limit_bytes >> 20} MiB")
