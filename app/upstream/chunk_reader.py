"""The chunks of an upstream's answer, or its whole body, as the engine's events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.engine.errors import UpstreamError
from app.engine.events import OutputDelta
from app.upstream.answer_json import BAD_SHAPES, DECODER, bad_answer
from app.upstream.choice_reader import FINISH_REASONS, ChoiceReader
from app.upstream.token_texts import TokenNumbers
from app.upstream.upstream_call import UpstreamCall


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """An upstream's `usage`."""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int | None = None  #: None: it does not tell


class ChunkReader:
    """Of one call. Used by the upstream thread."""

    def __init__(self, call: UpstreamCall, numbers: TokenNumbers) -> None:
        """call: the request that is answered; numbers: of its tokens."""
        self._call, self._numbers = call, numbers
        self._choices = [ChoiceReader(call) for _ in range(call.choices)]
        self._open = call.choices
        self.counts: TokenCounts | None = None  #: once they have come
        self.chunks_with_output = 0  #: about as many as tokens

    @property
    def finished(self) -> bool:
        """True when every choice has a finish reason."""
        return not self._open

    def read(self, data: bytes) -> list[OutputDelta]:
        """The deltas of one chunk, or of a whole body.

        Raises:
            UpstreamError: it is an error, or cannot be read.
        """
        try:
            chunk = DECODER.decode(data.decode())
            if not isinstance(chunk, dict):
                raise bad_answer("an event is no JSON object")
            if chunk.get("error"):
                raise _reported(chunk["error"])
            self._count(chunk.get("usage"))
            if not chunk.get("usage"):
                self._count_timings(chunk.get("timings"))
            deltas = [
                delta for choice in chunk.get("choices") or () for delta in self._deltas(choice)
            ]
        except BAD_SHAPES as error:
            shown = data[:60].decode("ascii", "backslashreplace")
            raise bad_answer(f"{type(error).__name__} in {shown!r}") from error
        self.chunks_with_output += bool(deltas)
        return deltas

    def _count(self, usage: dict[str, Any] | None) -> None:
        if not usage:
            return
        prompt = usage.get("prompt_tokens_details") or {}
        completion = usage.get("completion_tokens_details") or {}
        reasoning = completion.get("reasoning_tokens")
        self.counts = TokenCounts(
            int(usage["prompt_tokens"]),
            0 if self._call.only_echoes else int(usage.get("completion_tokens") or 0),
            int(prompt.get("cached_tokens") or 0),
            None if reasoning is None else int(reasoning),
        )

    def _count_timings(self, timings: dict[str, Any] | None) -> None:
        """llama-server's, which come before its usage does."""
        if timings:
            cached = int(timings.get("cache_n") or 0)
            prompt = int(timings["prompt_n"]) + cached
            self.counts = TokenCounts(prompt, int(timings["predicted_n"]), cached)

    def _deltas(self, raw: dict[str, Any]) -> list[OutputDelta]:
        index = self._call.choice_of(int(raw["index"]))
        if index is None:
            return []
        choice = self._choices[index]
        was_finished = choice.finished
        deltas = list(choice.deltas(index, raw, self._numbers))
        if reason := raw.get("finish_reason"):
            if reason not in FINISH_REASONS:
                raise UpstreamError(
                    f"the upstream ended the answer: {reason}", 502, "upstream_error"
                )
            deltas += choice.finish(index, FINISH_REASONS[reason], raw.get("stop_reason"))
        self._open -= choice.finished and not was_finished
        return choice.with_echo(index, deltas) if deltas else []


class ReportedError(UpstreamError):
    """An event of the answer is an error."""

    status_told: int | None = None  #: as the event names it


def _reported(error: Any) -> ReportedError:
    told = error if isinstance(error, dict) else {"message": str(error)}
    words = str(told.get("message") or "no message")[:2000]
    code = told.get("code")
    reported = ReportedError(
        f"the upstream failed: {words}", 502, code if isinstance(code, str) else "upstream_error"
    )
    reported.status_told = code if isinstance(code, int) else None
    return reported
