"""What came over one streamed connection: when text arrived, and how many tokens there were.

Knows nothing about sockets. Pieces are kept as they came and read after the measurement, so that
reading costs the measured server nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import h11

#: A moment (seconds of the monotonic clock) and the bytes that one `recv` gave then.
Piece = tuple[float, bytes]


class BadStreamError(Exception):
    """A server did not stream what it was asked for."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One streamed answer."""

    asked_s: float  #: when it was due to be sent
    text_s: tuple[float, ...]  #: when new text arrived, each event
    ended_s: float
    prompt_tokens: int
    tokens: int  #: generated, as the server counted them

    @property
    def first_token_s(self) -> float:
        """Seconds until the first text."""
        return self.text_s[0] - self.asked_s

    @property
    def gaps_s(self) -> list[float]:
        """Seconds between events with text."""
        return [b - a for a, b in pairwise(self.text_s)]


def read_stream(asked_s: float, pieces: Iterable[Piece]) -> Stream:
    """The answer in `pieces`, HTTP head included.

    Raises:
        BadStreamError: not 200, an error event, no usage, or no text.
    """
    texts: list[float] = []
    usage: dict[str, int] | None = None
    ended = asked_s
    for moment, data in _events(_bodies(pieces)):
        ended = moment
        if data == "[DONE]":
            continue
        event = json.loads(data)
        if "error" in event:
            raise BadStreamError(data)
        usage = event.get("usage") or usage
        if any(_text(choice) for choice in event.get("choices") or ()):
            texts.append(moment)
    if usage is None or not texts:
        raise BadStreamError(f"{len(texts)} events with text, usage {usage}")
    return Stream(asked_s, tuple(texts), ended, usage["prompt_tokens"], usage["completion_tokens"])


def _text(choice: dict[str, object]) -> object:
    delta = choice.get("delta")
    return choice.get("text") or (isinstance(delta, dict) and delta.get("content"))


def _bodies(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Pieces of the body, with the moment at which each arrived."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "server")]))
    connection.send(h11.EndOfMessage())
    status = 0
    for moment, received in pieces:
        connection.receive_data(received)
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                raise BadStreamError(str(error)) from None
            if event is h11.NEED_DATA or event is h11.PAUSED:
                break
            if isinstance(event, h11.Response):
                status = event.status_code
            if isinstance(event, h11.Data):
                if status != 200:
                    raise BadStreamError(f"{status}: {bytes(event.data)[:500]!r}")
                yield moment, bytes(event.data)
            if isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
                return


def _events(bodies: Iterable[Piece]) -> Iterator[tuple[float, str]]:
    """The data of each server-sent event, with the moment its last byte came."""
    rest = b""
    for moment, body in bodies:
        *whole, rest = (rest + body).replace(b"\r\n", b"\n").split(b"\n\n")
        for event in whole:
            for line in event.decode().splitlines():
                if line.startswith("data:"):
                    yield moment, line.removeprefix("data:").strip()
