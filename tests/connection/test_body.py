"""Reading a body up to a limit."""

from __future__ import annotations

from io import BytesIO

import pytest
from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkSize

from app.connection.body import read_body
from app.protocol.errors import BadRequest, BodyTooLarge, ClientGone

MIB = 1 << 20


class Untouched(BytesIO):
    """A body that must not be read."""

    def read(self, size: int | None = -1) -> bytes:
        raise AssertionError("read")


@pytest.mark.parametrize("size", [0, 1, 70_000, MIB])
@pytest.mark.parametrize("declared", [True, False])
def test_reads_all(size: int, declared: bool) -> None:
    body = bytes(size)
    assert read_body(BytesIO(body), size if declared else None, MIB) == body


def test_declared_too_large_is_not_read() -> None:
    with pytest.raises(BodyTooLarge):
        read_body(Untouched(), MIB + 1, MIB)


def test_chunked_too_large_is_read_no_further() -> None:
    stream = BytesIO(bytes(9 * MIB))
    with pytest.raises(BodyTooLarge):
        read_body(stream, None, MIB)
    assert stream.tell() == MIB + 1


def test_ends_too_early() -> None:
    with pytest.raises(BadRequest, match="3 of 5"):
        read_body(BytesIO(b"abc"), 5, MIB)


class Failing(BytesIO):
    """A body whose read fails."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def read(self, size: int | None = -1) -> bytes:
        raise self._error


@pytest.mark.parametrize("error", [InvalidChunkSize(b"+5"), ChunkMissingTerminator(b"x")])
def test_malformed_chunks_are_the_clients_mistake(error: Exception) -> None:
    with pytest.raises(BadRequest, match="chunks"):
        read_body(Failing(error), None, MIB)


@pytest.mark.parametrize("error", [TimeoutError("timed out"), ConnectionResetError()])
def test_a_body_that_stops_coming(error: Exception) -> None:
    with pytest.raises(ClientGone):
        read_body(Failing(error), 10, MIB)
