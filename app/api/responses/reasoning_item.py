"""An answer's thinking as an item of its output."""

from __future__ import annotations

from app.api.responses.output_item import Event, OutputItem


class ReasoningItem(OutputItem):
    """The thinking before an answer, or between its calls."""

    def __init__(self, index: int, *, summary: bool) -> None:
        """summary: sent as its own summary, for clients that show and send back no other text."""
        super().__init__(index, "rs")
        self._summary = summary

    def push(self, text: str) -> list[Event]:
        """New thinking."""
        self._pieces.append(text)
        return [self._part_event("text.delta", delta=text)]

    def empty_body(self) -> dict[str, object]:
        """The item as it begins."""
        return self._item("in_progress", [])

    def body(self, status: str) -> dict[str, object]:
        """The item as far as it is written."""
        return self._item(status, [self._part()])

    def _begin(self) -> list[Event]:
        return [self._around("added")]

    def _end(self) -> list[Event]:
        return [self._part_event("text.done", text=self.text), self._around("done")]

    def _around(self, kind: str) -> Event:
        """The beginning or the end of the only part."""
        if self._summary:
            return self._part_event(f"part.{kind}", part=self._part())
        return self._event(f"content_part.{kind}", content_index=0, part=self._part())

    def _part_event(self, kind: str, **fields: object) -> Event:
        if self._summary:
            return self._event(f"reasoning_summary_{kind}", summary_index=0, **fields)
        return self._event(f"reasoning_{kind}", content_index=0, **fields)

    def _part(self) -> dict[str, object]:
        kind = "summary_text" if self._summary else "reasoning_text"
        return {"type": kind, "text": self.text}

    def _item(self, status: str, parts: list[object]) -> dict[str, object]:
        about = {"id": self.id, "type": "reasoning", "status": status}
        if self._summary:
            return {**about, "summary": parts}
        return {**about, "summary": [], "content": parts}
