"""An answer's deltas as the typed, numbered events of /v1/responses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from app.api.chunks import Chunks
from app.api.logprobs import LogprobFormatter
from app.api.responses.call_item import CallItem
from app.api.responses.message_item import MessageItem
from app.api.responses.output_item import Event, OutputItem
from app.api.responses.reasoning_item import ReasoningItem
from app.api.responses.response import ResponseHead
from app.api.sse_format import RESPONSES_SSE, SseFormat
from app.engine.events import FinishReason, OutputDelta
from app.generation.results import Usage
from app.protocol.sampling import Streaming
from app.tool_calls.events import CallBegin

#: Codes of errors that the API knows; others are faults of the server.
_ERROR_CODES = ("rate_limit_exceeded", "server_error")


class ResponseEvents(Chunks):
    """Puts the output together as it comes. A whole answer is the last event's response."""

    sse_format: ClassVar[SseFormat] = RESPONSES_SSE

    def __init__(
        self,
        head: ResponseHead,
        logprobs: LogprobFormatter | None,
        streaming: Streaming,
        *,
        summary: bool,
        keep: Callable[[Mapping[str, object]], None] | None,
    ) -> None:
        """logprobs: where they are asked for; summary: the thinking is sent as a summary; keep: is
        given each item that is finished, before a client learns of its end."""
        self.return_progress = streaming.return_progress
        self.response: dict[str, object] = head.body("in_progress", [])  #: as it was sent last
        self._head, self._logprobs, self._summary = head, logprobs, summary
        self._keep = keep
        self._done: list[tuple[OutputItem, str]] = []  #: items and their statuses
        self._open: OutputItem | None = None
        self._reason = FinishReason.STOP
        self._sent = 0

    def opening(self, usage: Usage) -> list[dict[str, object]]:
        """That the response has begun."""
        kinds = ("response.created", "response.in_progress")
        return self._numbered([{"type": kind, "response": self.response} for kind in kinds])

    def delta(self, delta: OutputDelta) -> list[dict[str, object]]:
        """New thinking, text and calls."""
        events: list[Event] = []
        if delta.reasoning:
            events += self._push_reasoning(delta.reasoning)
        if delta.text or (delta.logprobs and isinstance(self._open, MessageItem)):
            events += self._push_text(delta)
        if isinstance(delta.tool_call, CallBegin):
            events += self._begin(CallItem(self._next_index, delta.tool_call))
        elif delta.tool_call is not None and isinstance(self._open, CallItem):
            events += self._open.push(delta.tool_call.text)
        self._reason = delta.finish_reason or self._reason
        return self._numbered(events)

    def closing(self, usage: Usage) -> list[dict[str, object]]:
        """The end of the last item, and the whole response."""
        is_cut = self._reason is FinishReason.LENGTH
        events = self._end_open("incomplete" if is_cut else "completed")
        if not is_cut and all(isinstance(item, ReasoningItem) for item, _ in self._done):
            events += self._begin(MessageItem(len(self._done), self._logprobs))
            events += self._end_open("completed")
        status = "incomplete" if is_cut else "completed"
        reason = "max_output_tokens" if is_cut else None
        self.response = self._head.body(status, self._output(), usage=usage, incomplete=reason)
        return self._numbered([*events, {"type": f"response.{status}", "response": self.response}])

    def failed(self, error: dict[str, object]) -> list[dict[str, object]]:
        """What went wrong, and the response as far as it came."""
        told: Any = error["error"]
        code = told["code"] if told["code"] in _ERROR_CODES else "server_error"
        if self._open is not None:
            self._done.append((self._open, "incomplete"))
            self._open = None
        fault = {"code": code, "message": told["message"]}
        self.response = self._head.body("failed", self._output(), error=fault)
        about = {name: told[name] for name in ("code", "message", "param")}
        return self._numbered(
            [
                {"type": "error", **about},
                {"type": "response.failed", "response": self.response},
            ]
        )

    def _push_reasoning(self, text: str) -> list[Event]:
        events: list[Event] = []
        item = self._open
        if not isinstance(item, ReasoningItem):
            item = ReasoningItem(self._next_index, summary=self._summary)
            events += self._begin(item)
        return events + item.push(text)

    def _push_text(self, delta: OutputDelta) -> list[Event]:
        events: list[Event] = []
        item = self._open
        if not isinstance(item, MessageItem):
            item = MessageItem(self._next_index, self._logprobs)
            events += self._begin(item)
        return events + item.push(delta.text, delta.logprobs)

    @property
    def _next_index(self) -> int:
        """In the output, of an item that begins now."""
        return len(self._done) + (self._open is not None)

    def _begin(self, item: OutputItem) -> list[Event]:
        """End the item before, and begin this one."""
        ended = self._end_open("completed")
        self._open = item
        return ended + item.begin()

    def _end_open(self, status: str) -> list[Event]:
        item, self._open = self._open, None
        if item is None:
            return []
        self._done.append((item, status))
        if self._keep is not None:
            self._keep(item.input_item(status))
        return item.end(status)

    def _output(self) -> list[dict[str, object]]:
        return [item.body(status) for item, status in self._done]

    def _numbered(self, events: list[Event]) -> list[dict[str, object]]:
        numbered = []
        for event in events:
            kind = {"type": event["type"], "sequence_number": self._sent}
            numbered.append(kind | {name: event[name] for name in event if name != "type"})
            self._sent += 1
        return numbered
