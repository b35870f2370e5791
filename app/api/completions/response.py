"""The answer of /v1/completions and its chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.api.completion_meta import CompletionMeta, usage_body
from app.api.logprobs import LogprobFormatter
from app.engine.types import OutputDelta
from app.generation.results import Choice, Usage
from app.protocol.sampling import Streaming

_KIND = "text_completion"


def completion_body(
    meta: CompletionMeta,
    choices: Sequence[Choice],
    usage: Usage,
    logprobs: LogprobFormatter | None,
) -> dict[str, object]:
    """The whole answer; `logprobs` where they are asked for."""
    bodies = []
    for index, choice in enumerate(choices):
        scores = None if logprobs is None else logprobs.completion(choice.logprobs)
        bodies.append(_choice(index, choice.text, choice.finish_reason.value, scores))
    return meta.body(_KIND, bodies, usage=usage_body(usage))


@dataclass(frozen=True, slots=True)
class CompletionChunks:
    """The answer in chunks; see `app.api.sse.Chunks`."""

    meta: CompletionMeta
    logprobs: LogprobFormatter | None  #: where logprobs are asked for
    streaming: Streaming

    @property
    def return_progress(self) -> bool:
        """Whether the client wants comments on queue and prompt before the first text."""
        return self.streaming.return_progress

    def delta(self, delta: OutputDelta) -> list[dict[str, object]]:
        """New text, and the end of a choice, each in its own chunk."""
        chunks = []
        if delta.text or delta.logprobs:
            formatter = self.logprobs if delta.logprobs else None
            scores = None if formatter is None else formatter.completion(delta.logprobs)
            chunks.append(self._chunk([_choice(delta.index, delta.text, None, scores)]))
        if delta.finish_reason is not None:
            chunks.append(self._chunk([_choice(delta.index, "", delta.finish_reason.value)]))
        return chunks

    def closing(self, usage: Usage) -> list[dict[str, object]]:
        """The usage chunk, if asked for."""
        include_usage = self.streaming.include_usage
        return [{**self._chunk([]), "usage": usage_body(usage)}] if include_usage else []

    def _chunk(self, choices: list[dict[str, object]]) -> dict[str, object]:
        usage = {"usage": None} if self.streaming.include_usage else {}
        return self.meta.body(_KIND, choices, **usage)


def _choice(
    index: int, text: str, reason: str | None, logprobs: dict[str, object] | None = None
) -> dict[str, object]:
    return {"index": index, "text": text, "finish_reason": reason, "logprobs": logprobs}
