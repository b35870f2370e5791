"""The answer of /v1/messages, whole and as the events of a stream."""

from __future__ import annotations

from dataclasses import dataclass

from app.api.chunks import Chunks
from app.api.messages.content_blocks import ContentBlocks, Event
from app.api.sse_format import ANTHROPIC_SSE
from app.engine.events import FinishReason, OutputDelta
from app.generation.results import Usage
from app.protocol.sampling import Streaming

_STOP_REASONS = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "tool_use",
}


@dataclass(frozen=True, slots=True)
class MessageMeta:
    """The same at the beginning and at the end of one answer."""

    id: str
    model: str

    def body(
        self,
        content: list[dict[str, object]],
        usage: dict[str, object],
        stop_reason: str | None = None,
        stop_sequence: str | None = None,
    ) -> dict[str, object]:
        """A message; stop_reason: None while it is not finished."""
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": stop_sequence,
            "usage": usage,
        }


class MessageEvents(Chunks):
    """A message as the events of a stream."""

    sse_format = ANTHROPIC_SSE

    def __init__(self, meta: MessageMeta, streaming: Streaming) -> None:
        self.return_progress = streaming.return_progress
        self._meta = meta
        self._blocks = ContentBlocks()
        self._stop: tuple[str | None, str | None] = None, None

    def opening(self, usage: Usage) -> list[Event]:
        """The message without its content, and a ping as Anthropic sends it."""
        message = self._meta.body([], usage_body(usage))
        return [{"type": "message_start", "message": message}, {"type": "ping"}]

    def delta(self, delta: OutputDelta) -> list[Event]:
        """New content."""
        events = self._blocks.add(delta)
        if delta.finish_reason is not None:
            self._stop = stop_of(delta)
            events += self._blocks.end()
        return events

    def closing(self, usage: Usage) -> list[Event]:
        """Why it has ended, and the usage."""
        stop_reason, stop_sequence = self._stop
        stop = {"stop_reason": stop_reason, "stop_sequence": stop_sequence}
        end: Event = {"type": "message_delta", "delta": stop, "usage": usage_body(usage)}
        return [end, {"type": "message_stop"}]

    def content(self) -> list[dict[str, object]]:
        """All content, after the last delta."""
        return self._blocks.content()

    def whole(self, usage: Usage) -> dict[str, object]:
        """The message, after the last delta."""
        return self._meta.body(self.content(), usage_body(usage), *self._stop)


def stop_of(delta: OutputDelta) -> tuple[str, str | None]:
    """Why an answer has ended, from its last delta: stop_reason and stop_sequence."""
    assert delta.finish_reason is not None
    if delta.finish_reason is FinishReason.STOP and delta.stop_reason is not None:
        return "stop_sequence", delta.stop_reason
    return _STOP_REASONS[delta.finish_reason], None


def usage_body(usage: Usage) -> dict[str, object]:
    """Tokens in Anthropic's terms: `input_tokens` are those that were not in the cache. Nothing is
    charged for keeping them there."""
    body: dict[str, object] = {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }
    if usage.reasoning_tokens is not None:
        body["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return body
