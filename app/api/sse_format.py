"""How an API family writes server-sent events."""

from __future__ import annotations

from dataclasses import dataclass

from app.api.json_http import encode_json


@dataclass(frozen=True, slots=True)
class SseFormat:
    """What is the same in all streams of a family."""

    named: bool  #: each event has a line `event:` with its "type"
    end: bytes  #: after the last event of a complete stream; b"" where an event says so
    ping: bytes  #: what is written after a long silence

    def write(self, event: dict[str, object]) -> bytes:
        """One event as it is sent."""
        data = b"data: " + encode_json(event).encode() + b"\n\n"
        return b"event: %s\n%s" % (str(event["type"]).encode(), data) if self.named else data


#: Of completions and chats: events without names, and a mark at the end.
OPENAI_SSE = SseFormat(named=False, end=b"data: [DONE]\n\n", ping=b": ping\n\n")
#: Of /v1/responses: each event says what it is, the last one too.
RESPONSES_SSE = SseFormat(named=True, end=b"", ping=b": ping\n\n")
#: Of /v1/messages, whose pings are events.
ANTHROPIC_SSE = SseFormat(named=True, end=b"", ping=b'event: ping\ndata: {"type":"ping"}\n\n')
