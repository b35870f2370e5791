"""What any answer to any request must be, however wrong the request."""

from __future__ import annotations

import json
import re
from collections.abc import Container

#: Traces of our insides.
LEAK = re.compile(
    rb"Traceback|File \"|0x[0-9a-f]{6,}|/(home|usr|tmp|root)/|site-packages|[a-z]Error: "
)
#: What a request may get that no other client has to do with.
EXPECTED = frozenset((200, 400, 401, 404, 405, 413, 415))

#: Anthropic's types of errors, where they are not the usual one.
ANTHROPIC_TYPES = {401: "authentication_error", 404: "not_found_error", 413: "request_too_large"}


def check_answer(
    status: int, content_type: str, body: bytes, path: str, headers: Container[str] = ()
) -> None:
    """Raises AssertionError unless it is a good answer, or a clear refusal in the shape of the
    API that a request to `path` with these headers (in small letters) speaks."""
    assert status in EXPECTED, (status, body[:500])
    assert not LEAK.search(body), body[:1000]
    if status == 200:
        return
    assert content_type.startswith("application/json"), content_type
    envelope = json.loads(body)
    of_both = path.startswith("/v1/models") and "anthropic-version" in headers
    if path.startswith("/v1/messages") or of_both:
        assert list(envelope) == ["type", "error", "request_id"]
        assert list(envelope["error"]) == ["type", "message"]
        assert envelope["error"]["type"] == ANTHROPIC_TYPES.get(status, "invalid_request_error")
        assert 0 < len(envelope["error"]["message"]) < 1000
        return
    assert list(envelope) == ["error"]
    assert list(envelope["error"]) == ["message", "type", "param", "code"]
    assert 0 < len(envelope["error"]["message"]) < 1000
    assert envelope["error"]["type"] == "invalid_request_error"
