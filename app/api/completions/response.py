"""The answer of /v1/completions and its chunks."""

from __future__ import annotations

from collections.abc import Sequence

from app.api.chunks import Chunks
from app.api.completion_meta import CompletionMeta, usage_body
from app.api.logprobs import LogprobFormatter
from app.engine.events import OutputDelta
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


class CompletionChunks(Chunks):
    """The answer in chunks."""

    def __init__(
        self, meta: CompletionMeta, logprobs: LogprobFormatter | None, streaming: Streaming
    ) -> None:
        """logprobs: where they are asked for."""
        self.return_progress = streaming.return_progress
        self._meta, self._logprobs = meta, logprobs
        self._include_usage = streaming.include_usage

    def delta(self, delta: OutputDelta) -> list[dict[str, object]]:
        """New text, and the end of a choice, each in its own chunk."""
        chunks = []
        if delta.text or delta.logprobs:
            formatter = self._logprobs if delta.logprobs else None
            scores = None if formatter is None else formatter.completion(delta.logprobs)
            chunks.append(self._chunk([_choice(delta.index, delta.text, None, scores)]))
        if delta.finish_reason is not None:
            end = _choice(delta.index, "", delta.finish_reason.value)
            chunks.append(self._chunk([end | self.stop_reason(delta)]))
        return chunks

    def closing(self, usage: Usage) -> list[dict[str, object]]:
        """The usage chunk, if asked for."""
        return [{**self._chunk([]), "usage": usage_body(usage)}] if self._include_usage else []

    def _chunk(self, choices: list[dict[str, object]]) -> dict[str, object]:
        usage = {"usage": None} if self._include_usage else {}
        return self._meta.body(_KIND, choices, **usage)


def _choice(
    index: int, text: str, reason: str | None, logprobs: dict[str, object] | None = None
) -> dict[str, object]:
    return {"index": index, "text": text, "finish_reason": reason, "logprobs": logprobs}
