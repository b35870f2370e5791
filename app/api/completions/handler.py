"""A /v1/completions request, accepted by the engine or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.api.completion import AcceptedCompletion
from app.api.completion_meta import CompletionMeta, new_completion_meta
from app.api.completions.request import read_completion
from app.api.completions.response import CompletionChunks, completion_body
from app.api.logprobs import LogprobFormatter
from app.connection.request_context import RequestContext
from app.generation.best_of import select_best_of
from app.generation.text_engine import TextEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedText(AcceptedCompletion):
    """Returns the best choices, where more are generated than are wanted."""

    meta: CompletionMeta
    logprobs: LogprobFormatter | None  #: where logprobs are asked for
    best_of: int
    n: int

    def body(self) -> dict[str, object]:
        """Wait for the whole answer, and build its body."""
        choices, usage = self.stream.collect()
        best = select_best_of(choices, self.best_of, self.n)
        return completion_body(self.meta, best, usage, self.logprobs)

    def chunks(self) -> CompletionChunks:
        """The shapes of the answer's chunks."""
        return CompletionChunks(self.meta, self.logprobs, self.streaming)


def start_completion(
    data: Mapping[str, object], engine: TextEngine, context: RequestContext
) -> AcceptedText:
    """Read the request and submit it.

    Raises:
        RequestRefused: it is wrong, or can never be served.
        Unavailable: not now.
    """
    request = read_completion(data, engine.sampling_defaults)
    stream = engine.generate(request.text, context)
    return AcceptedText(
        stream=stream,
        meta=new_completion_meta("cmpl", engine, request.text.model),
        logprobs=LogprobFormatter(stream.token_texts) if request.logprobs else None,
        streaming=request.streaming,
        ignored=request.ignored,
        best_of=request.best_of,
        n=request.n,
    )
