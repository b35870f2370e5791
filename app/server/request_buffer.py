"""Buffers a request on the accept loop, so that no thread waits for a slow client.

The size is read from Content-Length. gunicorn's parser alone decides what the request is: a wrong
guess here only makes a thread wait.
"""

from __future__ import annotations

import math
import re
from enum import Enum, auto

#: Longer headers go to gunicorn's parser unfinished, which rejects them.
MAX_HEADER_BYTES = 1 << 14
#: Larger bodies are read by a thread.
MAX_BUFFERED_BODY_BYTES = 1 << 15

_HEADER_END = b"\r\n\r\n"
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*\r\n", re.IGNORECASE)
#: Chunked bodies, and clients that wait for "100 Continue", which the parser sends.
_UNKNOWN_LENGTH = re.compile(rb"\r\n(?:transfer-encoding|expect)[ \t]*:", re.IGNORECASE)


class RequestStage(Enum):
    """What has been received of a request."""

    PARTIAL = auto()
    COMPLETE = auto()
    LARGE = auto()  #: not buffered: a thread must read the rest


class RequestBuffer:
    """The bytes of one request, and of the pipelined ones after it. Not thread-safe."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray()
        self.size: float = 0  #: bytes of the whole request; 0: header incomplete, inf: unknown
        self.add(data)

    def add(self, data: bytes) -> None:
        """Append received data."""
        search_from = max(0, len(self.data) - len(_HEADER_END) + 1)
        self.data += data
        if not self.size:
            end = self.data.find(_HEADER_END, search_from)
            if end >= 0:
                self.size = self._request_size(end)
            elif len(self.data) > MAX_HEADER_BYTES:
                self.size = math.inf

    @property
    def stage(self) -> RequestStage:
        """The current stage."""
        if self.size and len(self.data) >= self.size:
            return RequestStage.COMPLETE
        return (
            RequestStage.LARGE
            if self.size > MAX_HEADER_BYTES + MAX_BUFFERED_BODY_BYTES
            else RequestStage.PARTIAL
        )

    def _request_size(self, end: int) -> float:
        head = self.data[: end + 2]
        if _UNKNOWN_LENGTH.search(head):
            return math.inf
        length = _CONTENT_LENGTH.search(head)
        return end + len(_HEADER_END) + (int(length[1]) if length else 0)
