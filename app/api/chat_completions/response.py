"""/v1/chat/completions: the answer and its chunks, built, in both dialects.

Knows nothing about requests.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.protocol.completion_meta import Answer, CompletionMeta, Piece, Usage
from app.protocol.logprobs import LogprobFormatter
from app.protocol.messages import Message


def chat_body(
    head: CompletionMeta, answers: Sequence[Answer], usage: Usage, shapes: LogprobFormatter | None
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
    return head.body("chat.completion", choices, usage=usage.body())


def classic_chat_body(
    head: CompletionMeta,
    echoed: Sequence[Message],
    answers: Sequence[Answer],
    usage: Usage,
    shapes: LogprobFormatter | None,
) -> dict[str, object]:
    """The classic whole answer: the turns given, then the new ones."""
    choices = [_turn(message.role, message.text, None) for message in echoed]
    for answer in answers:
        turn = _turn("assistant", answer.text, answer.finish_reason.value)
        if shapes is not None:
            turn["logprobs"] = shapes.chat(answer.tokens)
        choices.append(turn)
    numbered = [{"index": index, **turn} for index, turn in enumerate(choices)]
    return head.body("chat.completion", numbered, usage=usage.body())


def _turn(role: str, text: str, reason: str | None) -> dict[str, object]:
    return {"message": {"role": role, "content": text}, "finish_reason": reason}


class ChatChunks:
    """The new turns in pieces, the same in both dialects; see `app.api.sse.Chunks`. Used by
    one HTTP thread."""

    def __init__(
        self,
        head: CompletionMeta,
        shapes: LogprobFormatter | None,
        include_usage: bool,
        tells_progress: bool,
    ) -> None:
        """shapes: where logprobs are asked for."""
        self._head, self._shapes, self._include_usage = head, shapes, include_usage
        self.tells_progress = tells_progress
        self._begun: set[int] = set()  #: turns of which it is told who speaks

    def piece(self, piece: Piece) -> list[dict[str, object]]:
        """New text, and the end of a turn, each in its own chunk. Who speaks comes with a turn's
        first: a chunk before there is any text would pass for the first token."""
        deltas: list[dict[str, object]] = []
        if piece.text or piece.tokens:
            deltas.append(_choice(piece.index, {"content": piece.text}, None))
            if self._shapes is not None:
                scores = self._shapes.chat(piece.tokens) if piece.tokens else None
                deltas[-1]["logprobs"] = scores
        if piece.finish_reason is not None:
            deltas.append(_choice(piece.index, {}, piece.finish_reason.value))
        if deltas and piece.index not in self._begun:
            self._begun.add(piece.index)
            deltas.insert(0, _choice(piece.index, {"role": "assistant", "content": ""}, None))
        return [self._chunk([each]) for each in deltas]

    def closing(self, usage: Usage) -> list[dict[str, object]]:
        """The usage chunk, if asked for."""
        return [{**self._chunk([]), "usage": usage.body()}] if self._include_usage else []

    def _chunk(self, choices: list[dict[str, object]]) -> dict[str, object]:
        usage = {"usage": None} if self._include_usage else {}
        return self._head.body("chat.completion.chunk", choices, **usage)


def _choice(index: int, delta: dict[str, str], reason: str | None) -> dict[str, object]:
    return {"index": index, "delta": delta, "finish_reason": reason}
