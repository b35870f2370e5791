"""Reads a server-sent event stream as a client would, and strictly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class EventStream:
    """All of one body's events."""

    chunks: list[dict[str, Any]]
    comments: list[str]
    done: bool  #: `[DONE]` came, and came last

    def text(self, index: int = 0) -> str:
        """One choice's text, put together."""
        choices = [choice for chunk in self.chunks for choice in chunk["choices"]]
        mine = [choice for choice in choices if choice["index"] == index]
        return "".join(c["text"] if "text" in c else c["delta"].get("content", "") for c in mine)

    def reasons(self, index: int = 0) -> list[str | None]:
        """Every finish_reason that one choice's chunks carried."""
        choices = [choice for chunk in self.chunks for choice in chunk["choices"]]
        return [choice["finish_reason"] for choice in choices if choice["index"] == index]


def read_events(body: bytes) -> EventStream:
    """Parse `body`; anything but comments and one-line data events is an error."""
    chunks, comments, done = [], [], False
    text = body.decode()
    assert text.endswith("\n\n"), "the last event is not complete"
    for event in text[:-2].split("\n\n"):
        assert not done, f"after [DONE]: {event!r}"
        assert "\n" not in event and "\r" not in event
        if event.startswith(": "):
            comments.append(event[2:])
        elif event == "data: [DONE]":
            done = True
        else:
            assert event.startswith("data: "), event
            chunks.append(json.loads(event[6:]))
    return EventStream(chunks, comments, done)
