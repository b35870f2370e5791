"""What any answer to any request must be, however wrong the request."""

from __future__ import annotations

import json
import re

#: Traces of our insides.
LEAK = re.compile(
    rb"Traceback|File \"|0x[0-9a-f]{6,}|/(home|usr|tmp|root)/|site-packages|[a-z]Error: "
)
#: What a request may get that no other client has to do with.
EXPECTED = frozenset((200, 400, 401, 404, 405, 413, 415))


def check_answer(status: int, content_type: str, body: bytes) -> None:
    """Raises AssertionError unless it is a good answer or a clear refusal."""
    assert status in EXPECTED, (status, body[:500])
    assert not LEAK.search(body), body[:1000]
    if status == 200:
        return
    assert content_type.startswith("application/json"), content_type
    envelope = json.loads(body)
    assert list(envelope) == ["error"]
    assert list(envelope["error"]) == ["message", "type", "param", "code"]
    assert 0 < len(envelope["error"]["message"]) < 1000
    assert envelope["error"]["type"] == "invalid_request_error"
