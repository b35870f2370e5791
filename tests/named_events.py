"""Reads a stream of named server-sent events, as those of Anthropic's API, strictly."""

from __future__ import annotations

import json
from typing import Any


def read_named_events(body: bytes) -> list[dict[str, Any]]:
    """All events; anything but an event with a name, which is its data's type, is an error."""
    text, events = body.decode(), []
    assert text.endswith("\n\n"), "the last event is not complete"
    for event in text[:-2].split("\n\n"):
        name, data = event.split("\n")
        assert name.startswith("event: ") and data.startswith("data: "), event
        events.append(json.loads(data.removeprefix("data: ")))
        assert events[-1]["type"] == name.removeprefix("event: ")
    return events
