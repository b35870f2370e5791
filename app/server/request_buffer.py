"""Tells from a request's first bytes whether a thread would have to wait for the rest.

Knows nothing about sockets. gunicorn's parser alone decides what a request is: a wrong guess here
costs a wait, and nothing else.
"""

from __future__ import annotations

import math
import re
from enum import Enum, auto

#: A header that has no end by then is the parser's to refuse.
MAX_HEADER_BYTES = 1 << 14
#: Bodies up to this are collected before a thread is given.
MAX_BUFFERED_BODY_BYTES = 1 << 15

_HEADER_END = b"\r\n\r\n"
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*\r\n", re.IGNORECASE)
#: The length is not known, or the client waits to be asked for its body.
_UNKNOWN_LENGTH = re.compile(rb"\r\n(?:transfer-encoding|expect)[ \t]*:", re.IGNORECASE)


class RequestStage(Enum):
    """How much of a request is there."""

    PARTIAL = auto()
    COMPLETE = auto()
    LARGE = auto()  #: whoever reads it will wait for more


class RequestBuffer:
    """The bytes of one request, and perhaps of those after it. Owned by one thread."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray()
        self.size: float = 0  #: bytes of the whole request; 0: not known yet, inf: never
        self.add(data)

    def add(self, data: bytes) -> None:
        """Take what has come."""
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
        """How much is there now."""
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
