"""The answer of /v1/chat/completions and its chunks, in both dialects."""

from __future__ import annotations

from collections.abc import Sequence

from app.api.chat_completions.tool_call import call_body, call_delta
from app.api.chunks import Chunks
from app.api.completion_meta import CompletionMeta, usage_body
from app.api.logprobs import LogprobFormatter
from app.engine.events import OutputDelta
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
            "message": _message(choice),
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
    """The classic whole answer: the turns given, then the new ones, without their thinking."""
    turns = [_turn(message.role, message.text, None) for message in echoed]
    for choice in choices:
        turn = _turn("assistant", choice.text, choice.finish_reason.value)
        if logprobs is not None:
            turn["logprobs"] = logprobs.chat(choice.logprobs)
        turns.append(turn)
    numbered = [{"index": index, **turn} for index, turn in enumerate(turns)]
    return meta.body("chat.completion", numbered, usage=usage_body(usage))


def _message(choice: Choice) -> dict[str, object]:
    """OpenAI's message: `content` is null beside calls that come without text."""
    content = choice.text or (None if choice.tool_calls else "")
    thinking = {"reasoning_content": choice.reasoning} if choice.reasoning else {}
    bodies = [call_body(call.name, call.arguments, call.id) for call in choice.tool_calls]
    calls = {"tool_calls": bodies} if bodies else {}
    return {"role": "assistant", "content": content, **thinking, "refusal": None, **calls}


def _turn(role: str, text: str, reason: str | None) -> dict[str, object]:
    return {"message": {"role": role, "content": text}, "finish_reason": reason}


class ChatChunks(Chunks):
    """The new turns in chunks, the same in both dialects but for thinking, which is not in the
    classic one."""

    def __init__(
        self,
        meta: CompletionMeta,
        logprobs: LogprobFormatter | None,
        streaming: Streaming,
        *,
        classic: bool,
    ) -> None:
        """logprobs: where they are asked for."""
        self._classic = classic
        self.return_progress = streaming.return_progress
        self._meta, self._logprobs = meta, logprobs
        self._include_usage = streaming.include_usage
        self._begun: set[int] = set()  #: choices whose role was sent

    def delta(self, delta: OutputDelta) -> list[dict[str, object]]:
        """New text, and the end of a turn, each in its own chunk. The role comes with a turn's
        first: clients take a chunk before any text for the first token."""
        choices: list[dict[str, object]] = []
        if delta.reasoning and not self._classic:
            choices.append(_choice(delta.index, {"reasoning_content": delta.reasoning}, None))
        if delta.text or delta.tool_call or delta.logprobs:
            choices.append(_choice(delta.index, _new(delta), None))
            if self._logprobs is not None:
                scores = self._logprobs.chat(delta.logprobs) if delta.logprobs else None
                choices[-1]["logprobs"] = scores
        if delta.finish_reason is not None:
            end = _choice(delta.index, {}, delta.finish_reason.value)
            choices.append(end | self.stop_reason(delta))
        if choices and delta.index not in self._begun:
            self._begun.add(delta.index)
            content = "" if delta.tool_call is None else None  # as OpenAI
            choices.insert(0, _choice(delta.index, {"role": "assistant", "content": content}, None))
        return [self._chunk([choice]) for choice in choices]

    def closing(self, usage: Usage) -> list[dict[str, object]]:
        """The usage chunk, if asked for."""
        return [{**self._chunk([]), "usage": usage_body(usage)}] if self._include_usage else []

    def _chunk(self, choices: list[dict[str, object]]) -> dict[str, object]:
        usage = {"usage": None} if self._include_usage else {}
        return self._meta.body("chat.completion.chunk", choices, **usage)


def _new(delta: OutputDelta) -> dict[str, object]:
    """What is new in the message."""
    if delta.tool_call is not None:
        return {"tool_calls": [call_delta(delta.tool_call)]}
    return {"content": delta.text}


def _choice(index: int, delta: dict[str, object], reason: str | None) -> dict[str, object]:
    return {"index": index, "delta": delta, "finish_reason": reason}
