"""Tool calls in the deltas of a request that offers tools."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from threading import Lock

from app.engine.events import FinishReason, OutputDelta, TokenLogprob
from app.generation.request import ToolUse
from app.tool_calls.events import ArgumentsPiece, CallBegin, CallEnd, ContentText
from app.tool_calls.formats import ToolFormat, new_parser
from app.tool_calls.parser import ToolCallParser

_Kept = ContentText | CallBegin | ArgumentsPiece


@dataclass(slots=True)
class ToolCallCounter:
    """Of all requests since the start. Any thread may use it."""

    parsed: int = 0  #: calls of offered tools
    unparsed: int = 0  #: calls that broke, or that name a tool which was not offered
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, parsed: int, unparsed: int) -> None:
        """Count one answer's calls."""
        with self._lock:
            self.parsed += parsed
            self.unparsed += unparsed


class ToolCallDeltas:
    """Divides each delta of a request into text and pieces of calls. Used by one HTTP thread."""

    def __init__(
        self, kind: ToolFormat, tool_use: ToolUse, choices: int, counter: ToolCallCounter
    ) -> None:
        """Without parallel calls, what follows the first is dropped."""
        tools = {tool.name: tool.parameters for tool in tool_use.tools}
        self._choices = [
            _Choice(new_parser(kind, tools), tool_use.parallel) for _ in range(choices)
        ]
        self._counter = counter

    def split(self, delta: OutputDelta) -> list[OutputDelta]:
        """The delta as one for each text and each piece of a call, in their order; none while text
        is held back. Logprobs are the first one's, the finish reason is the last one's."""
        choice, reason = self._choices[delta.index], delta.finish_reason
        events = choice.feed(delta.text, reason)
        if reason is not None:
            self._counter.add(choice.calls, choice.parser.unparsed)
            # One that a stop string or the model's end of sequence cuts must not be executed.
            if choice.calls and not choice.in_call and reason is FinishReason.STOP:
                reason = FinishReason.TOOL_CALLS
        choice.logprobs += delta.logprobs
        empty = OutputDelta(delta.index, "")
        parts = [
            replace(empty, text=event.text)
            if isinstance(event, ContentText)
            else replace(empty, tool_call=event)
            for event in events
        ]
        if delta.reasoning:
            parts.insert(0, replace(empty, reasoning=delta.reasoning))
        if not parts and reason is not None:
            parts = [empty]
        if parts:
            parts[0] = replace(parts[0], logprobs=choice.take_logprobs())
            parts[-1] = replace(parts[-1], finish_reason=reason, stop_reason=delta.stop_reason)
        return parts


@dataclass(slots=True)
class _Choice:
    parser: ToolCallParser
    parallel: bool
    calls: int = 0
    in_call: bool = False
    logprobs: tuple[TokenLogprob, ...] = ()  #: of text that is held back
    closed: bool = False  #: nothing more is read

    def feed(self, text: str, reason: FinishReason | None) -> list[_Kept]:
        events = [] if self.closed else self.parser.feed(text)
        if reason is not None and not self.closed:
            events += self.parser.finish(cut=reason is FinishReason.LENGTH)
        kept: list[_Kept] = []
        for event in events:
            if isinstance(event, CallEnd):
                self.in_call = False
                if not self.parallel:
                    self.closed = True
                    break
                continue
            if isinstance(event, CallBegin):
                self.calls += 1
                self.in_call = True
            kept.append(event)
        return kept

    def take_logprobs(self) -> tuple[TokenLogprob, ...]:
        logprobs, self.logprobs = self.logprobs, ()
        return logprobs
