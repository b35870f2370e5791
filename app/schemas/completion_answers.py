"""/v1/completions: the answer and its chunks, built.

Knows nothing about requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.schemas.answers import Answer, Head, Piece, Usage
from app.schemas.logprobs import LogprobShapes

_KIND = "text_completion"


def completion_body(
    head: Head, answers: Sequence[Answer], usage: Usage, shapes: LogprobShapes | None
) -> dict[str, object]:
    """The whole answer; `shapes` where logprobs are asked for."""
    choices = []
    for index, answer in enumerate(answers):
        choice = _choice(index, answer.text, answer.finish_reason.value)
        if shapes is not None:
            choice["logprobs"] = shapes.completion(answer.tokens)
        choices.append(choice)
    return {**head.body(_KIND, choices), "usage": usage.body()}


@dataclass(frozen=True, slots=True)
class CompletionChunks:
    """The answer in pieces; see `app.api.sse.Chunks`."""

    head: Head
    include_usage: bool
    shapes: LogprobShapes | None = None  #: where logprobs are asked for

    def opening(self) -> list[dict[str, object]]:
        """Nothing comes before the first text."""
        return []

    def piece(self, piece: Piece) -> list[dict[str, object]]:
        """New text, and the end of a choice, each in its own chunk."""
        chunks = []
        if piece.text or piece.tokens:
            choice = _choice(piece.index, piece.text, None)
            if self.shapes is not None:
                choice["logprobs"] = self.shapes.completion(piece.tokens) if piece.tokens else None
            chunks.append(self._chunk([choice]))
        if piece.finish_reason is not None:
            chunks.append(self._chunk([_choice(piece.index, "", piece.finish_reason.value)]))
        return chunks

    def closing(self, usage: Usage) -> list[dict[str, object]]:
        """The usage chunk, if asked for."""
        return [{**self._chunk([]), "usage": usage.body()}] if self.include_usage else []

    def _chunk(self, choices: list[dict[str, object]]) -> dict[str, object]:
        chunk = self.head.body(_KIND, choices)
        return {**chunk, "usage": None} if self.include_usage else chunk


def _choice(index: int, text: str, reason: str | None) -> dict[str, object]:
    return {"index": index, "text": text, "finish_reason": reason}
