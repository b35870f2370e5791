"""Puts the events of a message together as a client does, and strictly: each block begins, is added
to and ends before the next."""

from __future__ import annotations

import json
from typing import Any

_DELTAS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}


def added_up(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that the events make."""
    events = [event for event in events if event["type"] != "ping"]
    start, *blocks, end, stop = events
    assert (start["type"], end["type"]) == ("message_start", "message_delta")
    assert stop == {"type": "message_stop"}
    message = start["message"]
    assert message["content"] == [] and message["stop_reason"] is None
    content: list[dict[str, Any]] = []
    arguments, is_open = "", False
    for event in blocks:
        if event["type"] == "content_block_start":
            assert not is_open and event["index"] == len(content)
            content.append(dict(event["content_block"]))
            arguments, is_open = "", True
            continue
        assert is_open and event["index"] == len(content) - 1
        if event["type"] == "content_block_stop":
            if arguments:
                content[-1]["input"] = json.loads(arguments)
            is_open = False
            continue
        assert event["type"] == "content_block_delta"
        delta = event["delta"]
        key = _DELTAS[delta["type"]]
        if key == "partial_json":
            arguments += delta[key]
        else:
            content[-1][key] += delta[key]
    assert not is_open
    return {**message, "content": content, **end["delta"], "usage": end["usage"]}
