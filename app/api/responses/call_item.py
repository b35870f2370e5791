"""A call of a function as an item of an answer's output."""

from __future__ import annotations

import shortuuid

from app.api.responses.output_item import Event, OutputItem
from app.tool_calls.events import CallBegin


class CallItem(OutputItem):
    """A call of a function."""

    def __init__(self, index: int, call: CallBegin) -> None:
        super().__init__(index, "fc")
        self._name = call.name
        self._call_id = call.id or f"call_{shortuuid.uuid()}"

    def push(self, text: str) -> list[Event]:
        """New text of the arguments."""
        self._pieces.append(text)
        return [self._event("function_call_arguments.delta", delta=text)]

    def empty_body(self) -> dict[str, object]:
        """The item as it begins."""
        return self.body("in_progress")

    def body(self, status: str) -> dict[str, object]:
        """The item as far as it is written."""
        about = {"id": self.id, "type": "function_call", "status": status}
        call = {"call_id": self._call_id, "name": self._name, "arguments": self.text}
        return {**about, **call}

    def _begin(self) -> list[Event]:
        return []

    def _end(self) -> list[Event]:
        return [self._event("function_call_arguments.done", arguments=self.text)]
