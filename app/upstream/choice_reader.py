"""One choice of an upstream's answer: its chunks as the engine's deltas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from app.engine.events import FinishReason, OutputDelta, TokenLogprob
from app.tool_calls.events import ArgumentsPiece, CallBegin
from app.upstream.answer_json import DECODER, bad_answer
from app.upstream.answer_text import AnswerText
from app.upstream.logprobs import TokenOffsets, read_logprobs, spaces_added
from app.upstream.token_texts import TokenNumbers
from app.upstream.upstream_call import UpstreamCall

FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
}
_VLLM_CALL = "chatcmpl-tool-"


@dataclass(slots=True)
class ChoiceReader:
    """Used by the upstream thread."""

    call: UpstreamCall
    finished: bool = False
    calls: int = 0
    arguments: str = ""  #: of the only call
    echoed: bool = False  #: what the upstream echoes has come
    begun: bool = False
    spaces: int = 0  #: before an echoed prompt's tokens, and not in its text
    offsets: TokenOffsets = field(default_factory=TokenOffsets)
    answer: AnswerText = field(init=False)

    def __post_init__(self) -> None:
        self.answer = AnswerText(
            self.call.stops,
            drop_leading_space=self.call.drop_leading_space,
            is_exact=self.call.is_exact,
        )

    def deltas(
        self, index: int, raw: dict[str, Any], numbers: TokenNumbers
    ) -> Iterator[OutputDelta]:
        """Of one chunk. index: of the choice; numbers: of its tokens. Raises UpstreamError."""
        message = raw.get("delta") or raw.get("message") or raw
        text: str = message.get("text") or message.get("content") or ""
        text += message.get("refusal") or ""
        thinking: str = message.get("reasoning_content") or message.get("reasoning") or ""
        scores = raw.get("logprobs")
        end = self._stop_token(scores) if scores else None
        if scores and end is not None:
            scores, text = _before(scores, end)
        logprobs = read_logprobs(scores, numbers, self.offsets) if scores else []
        if self.call.stop_ids and self.call.alternatives is None:
            logprobs = []  # nobody asked for them but for their ids
        if (limit := self.call.alternatives) is not None:
            logprobs = [replace(each, top=_likeliest(each.top, limit)) for each in logprobs]
        if self.finished:
            if (
                not self.call.stops_here_alone
                and self.answer.found is None
                and (text or thinking or message.get("tool_calls"))
            ):
                raise bad_answer("text after the end of a choice")
            return
        if not self.echoed and "text" in message:
            self.echoed = True
            prompt, text = self._echo(index, text)
            if prompt:
                self.spaces = spaces_added(logprobs, numbers, prompt)
                logprobs = self._moved(logprobs)
                of_prompt = [each for each in logprobs if each.offset < len(prompt)]
                logprobs = logprobs[len(of_prompt) :]
                yield OutputDelta(index, prompt, logprobs=tuple(of_prompt), is_prompt=True)
                self.answer.follow(prompt)
        elif self.spaces:
            logprobs = self._moved(logprobs)
        if self.call.only_echoes:
            text, logprobs = "", []
        text, inside = self.answer.push(text, logprobs)
        if text or thinking or inside:
            yield OutputDelta(index, text, logprobs=inside, reasoning=thinking)
        if self.answer.found is not None or end is not None:
            yield from self.finish(index, FinishReason.STOP, None)
        for place, piece in enumerate(message.get("tool_calls") or ()):
            yield from self._call_pieces(index, int(piece.get("index", place)), piece)
        if self.call.ends_with_call and _is_object(self.arguments):
            yield from self.finish(index, FinishReason.TOOL_CALLS, None)

    def finish(self, index: int, reason: FinishReason, stop: object) -> list[OutputDelta]:
        """The last delta. stop: the stop string, if that ended it and the upstream says so."""
        if self.finished:
            return []
        self.finished = True
        text, logprobs = self.answer.finish(stopped=reason is FinishReason.STOP)
        if self.answer.found is not None:
            reason, stop = FinishReason.STOP, self.answer.found
        if self.call.only_echoes:
            reason = FinishReason.LENGTH
        elif self.calls and reason is FinishReason.STOP:
            reason = FinishReason.TOOL_CALLS  # vLLM and OpenAI say "stop" of a call by name
        last = OutputDelta(index, text, logprobs=logprobs, finish_reason=reason)
        return [replace(last, stop_reason=stop) if isinstance(stop, str) else last]

    def with_echo(self, index: int, deltas: list[OutputDelta]) -> list[OutputDelta]:
        """The deltas, after the prompt where this server echoes it."""
        if self.begun or not self.call.echoes:
            return deltas
        self.begun = True
        prompt = self.call.echoes[index // self.call.n]
        return [OutputDelta(index, prompt, is_prompt=True), *deltas]

    def _echo(self, index: int, text: str) -> tuple[str, str]:
        """The prompt in a choice's first text, and what follows it."""
        if not self.call.echoed:
            return (text, "") if self.call.separates_echo else ("", text)
        prompt = self.call.echoed[index // self.call.n]
        before, found, after = text.partition(prompt)
        # vLLM echoes the BOS of token ids.
        is_bos = not before.strip() or before.strip() in self.call.special_texts
        return (prompt, after) if found and is_bos else ("", text)

    def _stop_token(self, scores: dict[str, Any]) -> int | None:
        """The place of the first of `stop_ids` among the tokens of logprobs."""
        if not self.call.stop_ids:
            return None
        ids = [each.get("id") for each in scores.get("content") or ()]
        return next((at for at, each in enumerate(ids) if each in self.call.stop_ids), None)

    def _moved(self, logprobs: list[TokenLogprob]) -> list[TokenLogprob]:
        return [replace(each, offset=max(0, each.offset - self.spaces)) for each in logprobs]

    def _call_pieces(self, index: int, number: int, piece: dict[str, Any]) -> Iterator[OutputDelta]:
        function = piece.get("function") or {}
        if number == self.calls:
            self.calls += 1
            begin = CallBegin(number, str(function["name"]), _call_id(piece.get("id")))
            yield OutputDelta(index, "", tool_call=begin)
        elif number != self.calls - 1:
            raise bad_answer("pieces of tool calls are out of order")
        if arguments := function.get("arguments"):
            if not isinstance(arguments, str):
                arguments = json.dumps(arguments, ensure_ascii=False)
            if self.call.ends_with_call:
                self.arguments += arguments
            yield OutputDelta(index, "", tool_call=ArgumentsPiece(number, arguments))


def _call_id(told: str | None) -> str | None:
    """With the prefix that clients know, where vLLM has made it up."""
    made_up = told is not None and told.startswith(_VLLM_CALL)
    return f"call_{told.removeprefix(_VLLM_CALL)}" if told and made_up else told or None


def _is_object(text: str) -> bool:
    if not text.endswith("}"):
        return False
    try:
        return isinstance(DECODER.decode(text), dict)
    except (ValueError, RecursionError):
        return False


def _before(scores: dict[str, Any], end: int) -> tuple[dict[str, Any], str]:
    """The first `end` entries of logprobs, and their text."""
    entries = scores["content"][:end]
    told = b"".join(bytes(each["bytes"]) for each in entries)
    return {"content": entries}, told.decode(errors="replace")


def _likeliest(top: tuple[tuple[int, float], ...], limit: int) -> tuple[tuple[int, float], ...]:
    """The first `limit` of them; as they come where there are no more."""
    if len(top) <= limit:
        return top
    return tuple(sorted(top, key=lambda pair: -pair[1])[:limit])
