"""An item of an answer's `output`, while it is being written, and its events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import shortuuid

Event = dict[str, Any]


class OutputItem(ABC):
    """One item. Used by one HTTP thread."""

    def __init__(self, index: int, prefix: str) -> None:
        """index: in `output`; prefix: of its id."""
        self.id = f"{prefix}_{shortuuid.uuid()}"
        self._index = index
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """What has been written so far."""
        return "".join(self._pieces)

    def begin(self) -> list[Event]:
        """The events before its first text."""
        added = {"type": "response.output_item.added", "output_index": self._index}
        return [{**added, "item": self.empty_body()}, *self._begin()]

    def end(self, status: str) -> list[Event]:
        """The events after its last text; status: "completed" or "incomplete"."""
        done = {"type": "response.output_item.done", "output_index": self._index}
        return [*self._end(), {**done, "item": self.body(status)}]

    @abstractmethod
    def empty_body(self) -> dict[str, object]:
        """The item as it begins."""

    @abstractmethod
    def body(self, status: str) -> dict[str, object]:
        """The item as far as it is written."""

    def input_item(self, status: str) -> dict[str, object]:
        """The item as a client sends it back in a later input."""
        return self.body(status)

    @abstractmethod
    def _begin(self) -> list[Event]: ...

    @abstractmethod
    def _end(self) -> list[Event]: ...

    def _event(self, kind: str, **fields: object) -> Event:
        about = {"type": f"response.{kind}", "item_id": self.id, "output_index": self._index}
        return about | fields
