"""The answer of /v1/chat/completions and its chunks, in both dialects."""

from __future__ import annotations

from collections.abc import Sequence

from app.api.completion_meta import CompletionMeta, usage_body
from app.api.logprobs import LogprobFormatter
from app.engine.types import OutputDelta
from app.generation.results import Choice, Usage
from app.protocol.messages import Message
from app.protocol.sampling import Streaming


def chat_body(
    meta: CompletionMeta,
    choices: Sequence[Choice],
    usage: Usage,
    logprobs: LogprobFormatter | None,
) -> dict[str, object]:
    """OpenAI's whole answer; `logprobs` where they are asked for."""
    bodies: list[dict[str, object]] = [
        {
            "index": index,
            "message": {"role": "assistant", "content": choice.text, "refusal": None},
            "finish_reason": choice.finish_reason.value,
            "logprobs": None if logprobs is None else logprobs.chat(choice.logprobs),
        }
        for index, choice in enumerate(choices)
    ]
    return meta.body("chat.completion", bodies, usage=usage_body(usage))


def classic_chat_body(
    meta: CompletionMeta,
    echoed: Sequence[Message],
    choices: Sequence[Choice],
    usage: Usage,
    logprobs: LogprobFormatter | None,
) -> dict[str, object]:
    """The classic whole answer: the turns given, then the new ones."""
    turns = [_turn(message.role, message.text, None) for message in echoed]
    for choice in choices:
        turn = _turn("assistant", choice.text, choice.finish_reason.value)
        if logprobs is not None:
            turn["logprobs"] = logprobs.chat(choice.logprobs)
        turns.append(turn)
    numbered = [{"index": index, **turn} for index, turn in enumerate(turns)]
    return meta.body("chat.completion", numbered, usage=usage_body(usage))


def _turn(role: str, text: str, reason: str | None) -> dict[str, object]:
    return {"message": {"role": role, "content": text}, "finish_reason": reason}


class ChatChunks:
    """The new turns in chunks, the same in both dialects; see `app.api.sse.Chunks`. Used by
    one HTTP thread."""

    def __init__(
        self, meta: CompletionMeta, logprobs: LogprobFormatter | None, streaming: Streaming
    ) -> None:
        """logprobs: where they are asked for."""
        self.return_progress = streaming.return_progress
        self._meta, self._logprobs = meta, logprobs
        self._include_usage = streaming.include_usage
        self._begun: set[int] = set()  #: choices whose role was sent

    def delta(self, delta: OutputDelta) -> list[dict[str, object]]:
        """New text, and the end of a turn, each in its own chunk. The role comes with a turn's
        first: clients take a chunk before any text for the first token."""
        choices: list[dict[str, object]] = []
        if delta.text or delta.logprobs:
            choices.append(_choice(delta.index, {"content": delta.text}, None))
            if self._logprobs is not None:
                scores = self._logprobs.chat(delta.logprobs) if delta.logprobs else None
                choices[-1]["logprobs"] = scores
        if delta.finish_reason is not None:
            choices.append(_choice(delta.index, {}, delta.finish_reason.value))
        if choices and delta.index not in self._begun:
            self._begun.add(delta.index)
            choices.insert(0, _choice(delta.index, {"role": "assistant", "content": ""}, None))
        return [self._chunk([choice]) for choice in choices]

    def closing(self, usage: Usage) -> list[dict[str, object]]:
        """The usage chunk, if asked for."""
        return [{**self._chunk([]), "usage": usage_body(usage)}] if self._include_usage else []

    def _chunk(self, choices: list[dict[str, object]]) -> dict[str, object]:
        usage = {"usage": None} if self._include_usage else {}
        return self._meta.body("chat.completion.chunk", choices, **usage)


def _choice(index: int, delta: dict[str, str], reason: str | None) -> dict[str, object]:
    return {"index": index, "delta": delta, "finish_reason": reason}
