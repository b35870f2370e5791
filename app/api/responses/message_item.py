"""An answer's text as an item of its output."""

from __future__ import annotations

from app.api.logprobs import LogprobFormatter
from app.api.responses.output_item import Event, OutputItem
from app.engine.events import TokenLogprob


class MessageItem(OutputItem):
    """The answer's text."""

    def __init__(self, index: int, logprobs: LogprobFormatter | None) -> None:
        """logprobs: where they are asked for."""
        super().__init__(index, "msg")
        self._formatter = logprobs
        self._logprobs: list[object] = []

    def push(self, text: str, logprobs: tuple[TokenLogprob, ...]) -> list[Event]:
        """New text."""
        scores: list[object] = []
        if self._formatter is not None:
            content = self._formatter.chat(logprobs)["content"]
            scores = content if isinstance(content, list) else []
        self._pieces.append(text)
        self._logprobs += scores
        delta = self._event("output_text.delta", content_index=0, delta=text, logprobs=scores)
        return [delta] if text or scores else []

    def empty_body(self) -> dict[str, object]:
        """The item as it begins."""
        return self._item("in_progress", [])

    def body(self, status: str) -> dict[str, object]:
        """The item as far as it is written."""
        return self._item(status, [self._part()])

    def input_item(self, status: str) -> dict[str, object]:
        """Without log-probabilities, which nothing reads."""
        return self._item(status, [{"type": "output_text", "text": self.text}])

    def _begin(self) -> list[Event]:
        return [self._event("content_part.added", content_index=0, part=self._part())]

    def _end(self) -> list[Event]:
        done = self._event(
            "output_text.done", content_index=0, text=self.text, logprobs=list(self._logprobs)
        )
        return [done, self._event("content_part.done", content_index=0, part=self._part())]

    def _item(self, status: str, content: list[object]) -> dict[str, object]:
        about = {"id": self.id, "type": "message", "status": status, "role": "assistant"}
        return {**about, "content": content}

    def _part(self) -> dict[str, object]:
        part = {"type": "output_text", "text": self.text, "annotations": []}
        return {**part, "logprobs": list(self._logprobs)}
