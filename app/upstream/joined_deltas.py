"""Deltas that arrive together as few deltas: each costs an event to the client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.engine.events import Event, OutputDelta


def joined(events: Sequence[Event]) -> tuple[Event, ...]:
    """The events; neighbours of one choice that are text alone as one."""
    kept: list[Event] = []
    for event in events:
        last = kept[-1] if kept else None
        if isinstance(last, OutputDelta) and isinstance(event, OutputDelta) and _join(last, event):
            kept[-1] = replace(
                event,
                text=last.text + event.text,
                reasoning=last.reasoning + event.reasoning,
                logprobs=last.logprobs + event.logprobs,
            )
        else:
            kept.append(event)
    return tuple(kept)


def _join(last: OutputDelta, event: OutputDelta) -> bool:
    # Thinking comes before the text of the delta that it is in.
    in_order = not (last.text and event.reasoning)
    whole = last.is_prompt or last.finish_reason or last.tool_call or event.tool_call
    return last.index == event.index and in_order and not whole
