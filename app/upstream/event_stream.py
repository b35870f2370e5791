"""Server-sent events, out of bytes as they arrive."""

from __future__ import annotations

#: A longer event is not one of a token's.
MAX_EVENT_BYTES = 16 << 20


class EventTooLong(Exception):
    """An event has more than MAX_EVENT_BYTES."""


class EventStreamParser:
    """The data of each event, and comments, in their order. An event that its empty line does not
    end is none."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, received: bytes) -> list[bytes]:
        """What the next bytes complete: each event's data, and each comment with its colon.

        Raises:
            EventTooLong
        """
        complete: list[bytes] = []
        *lines, self._rest = (self._rest + received).split(b"\n")
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip())
            elif not line:
                if self._data:
                    complete.append(b"\n".join(self._data))
                    self._data = []
            elif line.startswith(b":"):
                complete.append(line)
        if len(self._rest) + sum(map(len, self._data)) > MAX_EVENT_BYTES:
            raise EventTooLong
        return complete
