"""The 503 to a request that is refused before all of it has come."""

from __future__ import annotations

import json

from app.protocol.api_family import api_family
from app.protocol.error_body import error_body
from app.protocol.errors import SERVER_ERROR, Failure

_OVERLOADED = Failure(
    503,
    "Too many large requests are being sent; try again in a moment",
    SERVER_ERROR,
    code="overloaded",
)
#: Of a request's beginning that is searched for its path.
_SEARCHED_BYTES = 200


def overloaded_response(beginning: bytes | bytearray) -> bytes:
    """A whole HTTP response, in the form that clients of the path expect.

    beginning: what has come of the request, if anything.
    """
    target = beginning[:_SEARCHED_BYTES].partition(b" ")[2].partition(b" ")[0].decode("latin-1")
    path = target.partition("?")[0]
    # The server may be served below a path.
    family = api_family(path[max(0, path.find("/v1/")) :], None)
    body = json.dumps(error_body(_OVERLOADED, family, None)).encode()
    head = (
        b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 2\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    return head + body
