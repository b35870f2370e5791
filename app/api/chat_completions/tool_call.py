"""A tool call as OpenAI writes it, whole and in a stream."""

from __future__ import annotations

import shortuuid

from app.tool_calls.events import ArgumentsPiece, CallBegin


def call_body(name: str, arguments: str, call_id: str | None) -> dict[str, object]:
    """A whole call; arguments: JSON text; call_id: None: a fresh one."""
    function = {"name": name, "arguments": arguments}
    return {"id": call_id or f"call_{shortuuid.uuid()}", "type": "function", "function": function}


def call_delta(event: CallBegin | ArgumentsPiece) -> dict[str, object]:
    """A piece of a call: first all but its arguments, then these."""
    if isinstance(event, CallBegin):
        return {"index": event.index, **call_body(event.name, "", event.id)}
    return {"index": event.index, "function": {"arguments": event.text}}
