"""/v1/completions: the answer and its chunks, built.

Knows nothing about requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.protocol.completion_meta import Answer, CompletionMeta, Piece, Usage
from app.protocol.logprobs import LogprobFormatter

_KIND = "text_completion"


def completion_body(
    head: CompletionMeta, answers: Sequence[Answer], usage: Usage, shapes: LogprobFormatter | None
) -> dict[str, object]:
    """The whole answer; `shapes` where logprobs are asked for."""
    choices = []
    for index, answer in enumerate(answers):
        scores = None if shapes is None else shapes.completion(answer.tokens)
        choices.append(_choice(index, answer.text, answer.finish_reason.value, scores))
    return head.body(_KIND, choices, usage=usage.body())


@dataclass(frozen=True, slots=True)
class CompletionChunks:
    """The answer in pieces; see `app.api.sse.Chunks`."""

    head: CompletionMeta
    shapes: LogprobFormatter | None  #: where logprobs are asked for
    include_usage: bool
    tells_progress: bool

    def piece(self, piece: Piece) -> list[dict[str, object]]:
        """New text, and the end of a choice, each in its own chunk."""
        chunks = []
        if piece.text or piece.tokens:
            shapes = self.shapes if piece.tokens else None
            scores = None if shapes is None else shapes.completion(piece.tokens)
            chunks.append(self._chunk([_choice(piece.index, piece.text, None, scores)]))
        if piece.finish_reason is not None:
            chunks.append(self._chunk([_choice(piece.index, "", piece.finish_reason.value)]))
        return chunks

    def closing(self, usage: Usage) -> list[dict[str, object]]:
        """The usage chunk, if asked for."""
        return [{**self._chunk([]), "usage": usage.body()}] if self.include_usage else []

    def _chunk(self, choices: list[dict[str, object]]) -> dict[str, object]:
        usage = {"usage": None} if self.include_usage else {}
        return self.head.body(_KIND, choices, **usage)


def _choice(
    index: int, text: str, reason: str | None, scores: dict[str, object] | None = None
) -> dict[str, object]:
    return {"index": index, "text": text, "finish_reason": reason, "logprobs": scores}
