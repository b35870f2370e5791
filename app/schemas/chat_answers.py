"""/v1/chat/completions: the answer and its chunks, built, in both dialects.

Knows nothing about requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.schemas.answers import Answer, Head, Piece, Usage
from app.schemas.logprobs import LogprobShapes
from app.schemas.messages import Message


def chat_body(
    head: Head, answers: Sequence[Answer], usage: Usage, shapes: LogprobShapes | None
) -> dict[str, object]:
    """OpenAI's whole answer; `shapes` where logprobs are asked for."""
    choices: list[dict[str, object]] = [
        {
            "index": index,
            "message": {"role": "assistant", "content": answer.text, "refusal": None},
            "finish_reason": answer.finish_reason.value,
            "logprobs": None if shapes is None else shapes.chat(answer.tokens),
        }
        for index, answer in enumerate(answers)
    ]
    return {**head.body("chat.completion", choices), "usage": usage.body()}


def classic_chat_body(
    head: Head,
    echoed: Sequence[Message],
    answers: Sequence[Answer],
    usage: Usage,
    shapes: LogprobShapes | None,
) -> dict[str, object]:
    """The classic whole answer: the turns given, then the new ones."""
    choices = [_turn(message.role, message.text, None) for message in echoed]
    for answer in answers:
        turn = _turn("assistant", answer.text, answer.finish_reason.value)
        if shapes is not None:
            turn["logprobs"] = shapes.chat(answer.tokens)
        choices.append(turn)
    numbered = [{"index": index, **turn} for index, turn in enumerate(choices)]
    return {**head.body("chat.completion", numbered), "usage": usage.body()}


def _turn(role: str, text: str, reason: str | None) -> dict[str, object]:
    return {"message": {"role": role, "content": text}, "finish_reason": reason}


@dataclass(frozen=True, slots=True)
class ChatChunks:
    """The new turns in pieces, the same in both dialects; see `app.api.sse.Chunks`."""

    head: Head
    n: int
    include_usage: bool
    shapes: LogprobShapes | None = None  #: where logprobs are asked for

    def opening(self) -> list[dict[str, object]]:
        """Who speaks, once for each new turn."""
        role = {"role": "assistant", "content": ""}
        return [self._chunk([_choice(index, role, None)]) for index in range(self.n)]

    def piece(self, piece: Piece) -> list[dict[str, object]]:
        """New text, and the end of a turn, each in its own chunk."""
        chunks = []
        if piece.text or piece.tokens:
            choice = _choice(piece.index, {"content": piece.text}, None)
            if self.shapes is not None:
                choice["logprobs"] = self.shapes.chat(piece.tokens) if piece.tokens else None
            chunks.append(self._chunk([choice]))
        if piece.finish_reason is not None:
            chunks.append(self._chunk([_choice(piece.index, {}, piece.finish_reason.value)]))
        return chunks

    def closing(self, usage: Usage) -> list[dict[str, object]]:
        """The usage chunk, if asked for."""
        return [{**self._chunk([]), "usage": usage.body()}] if self.include_usage else []

    def _chunk(self, choices: list[dict[str, object]]) -> dict[str, object]:
        chunk = self.head.body("chat.completion.chunk", choices)
        return {**chunk, "usage": None} if self.include_usage else chunk


def _choice(index: int, delta: dict[str, str], reason: str | None) -> dict[str, object]:
    return {"index": index, "delta": delta, "finish_reason": reason}
