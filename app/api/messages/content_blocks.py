"""An answer's deltas as content blocks: the events of a stream, and the blocks as a whole."""

from __future__ import annotations

import base64
import hashlib
from typing import ClassVar, Protocol

import shortuuid

from app.api.messages.tool_input import ToolInput
from app.engine.events import OutputDelta
from app.tool_calls.events import CallBegin

Event = dict[str, object]


class _Block(Protocol):
    @property
    def start(self) -> dict[str, object]:
        """The block as a stream begins it: empty."""

    def push(self, piece: str) -> dict[str, object] | None:
        """Take a piece. Returns the delta to send; None: nothing yet."""

    def finish(self) -> dict[str, object] | None:
        """The last delta, if there is one."""

    def whole(self) -> dict[str, object]:
        """The block, after `finish`."""


class _TextBlock:
    start: ClassVar[dict[str, object]] = {"type": "text", "text": ""}

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def push(self, piece: str) -> dict[str, object] | None:
        self._pieces.append(piece)
        return {"type": "text_delta", "text": piece}

    def finish(self) -> None:
        return None

    def whole(self) -> dict[str, object]:
        return {"type": "text", "text": "".join(self._pieces)}


class _ThinkingBlock:
    start: ClassVar[dict[str, object]] = {"type": "thinking", "thinking": "", "signature": ""}

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def push(self, piece: str) -> dict[str, object] | None:
        self._pieces.append(piece)
        return {"type": "thinking_delta", "thinking": piece}

    def finish(self) -> dict[str, object] | None:
        return {"type": "signature_delta", "signature": self._signature()}

    def whole(self) -> dict[str, object]:
        thinking = "".join(self._pieces)
        return {"type": "thinking", "thinking": thinking, "signature": self._signature()}

    def _signature(self) -> str:
        """A checksum. Nothing here reads it, but some clients leave thinking out of the next
        request that has no signature."""
        digest = hashlib.sha256("".join(self._pieces).encode()).digest()
        return base64.b64encode(digest).decode()


class _ToolUseBlock:
    def __init__(self, call: CallBegin) -> None:
        call_id = call.id or f"toolu_{shortuuid.uuid()}"
        self.start: dict[str, object] = {
            "type": "tool_use",
            "id": call_id,
            "name": call.name,
            "input": {},
        }
        self._input = ToolInput()

    def push(self, piece: str) -> dict[str, object] | None:
        return self._delta(self._input.push(piece))

    def finish(self) -> dict[str, object] | None:
        return self._delta(self._input.finish())

    def whole(self) -> dict[str, object]:
        return {**self.start, "input": self._input.value()}

    def _delta(self, text: str) -> dict[str, object] | None:
        return {"type": "input_json_delta", "partial_json": text} if text else None


class ContentBlocks:
    """Divides an answer into blocks: a new one wherever text, thinking and calls change. Used by
    one HTTP thread."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._is_open = False

    def add(self, delta: OutputDelta) -> list[Event]:
        """The events that a delta makes."""
        events: list[Event] = []
        if delta.reasoning:
            events += self._push(_ThinkingBlock, delta.reasoning)
        if delta.text:
            events += self._push(_TextBlock, delta.text)
        if isinstance(delta.tool_call, CallBegin):
            events += self._begin(_ToolUseBlock(delta.tool_call))
        elif delta.tool_call is not None:
            events += self._event(self._blocks[-1].push(delta.tool_call.text))
        return events

    def end(self) -> list[Event]:
        """The events that end the answer. One without any content has an empty text, because
        clients take the first block for granted."""
        return [*([] if self._blocks else self._begin(_TextBlock())), *self._close()]

    def content(self) -> list[dict[str, object]]:
        """All blocks, after `end`."""
        return [block.whole() for block in self._blocks]

    def _push(self, kind: type[_TextBlock | _ThinkingBlock], piece: str) -> list[Event]:
        events: list[Event] = []
        if not (self._is_open and isinstance(self._blocks[-1], kind)):
            events += self._begin(kind())
        return events + self._event(self._blocks[-1].push(piece))

    def _begin(self, block: _Block) -> list[Event]:
        events = self._close()
        self._blocks.append(block)
        self._is_open = True
        index = len(self._blocks) - 1
        start = {"type": "content_block_start", "index": index, "content_block": block.start}
        return [*events, start]

    def _close(self) -> list[Event]:
        if not self._is_open:
            return []
        self._is_open = False
        stop = {"type": "content_block_stop", "index": len(self._blocks) - 1}
        return [*self._event(self._blocks[-1].finish()), stop]

    def _event(self, delta: dict[str, object] | None) -> list[Event]:
        index = len(self._blocks) - 1
        return [{"type": "content_block_delta", "index": index, "delta": delta}] if delta else []
