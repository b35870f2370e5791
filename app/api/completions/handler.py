"""A /v1/completions request, accepted by the engine or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.api.completion_meta import CompletionMeta, new_completion_meta
from app.api.completions.request import CompletionRequest, read_completion
from app.api.completions.response import CompletionChunks, completion_body
from app.api.logprobs import LogprobFormatter
from app.api.response_headers import ResponseHeaders
from app.connection.request_context import RequestContext
from app.generation.best_of import select_best_of
from app.generation.text_engine import TextEngine
from app.generation.text_stream import TextStream


@dataclass(frozen=True, slots=True)
class AcceptedText:
    """Implements `app.api.completion.AcceptedCompletion`."""

    request: CompletionRequest
    stream: TextStream
    meta: CompletionMeta
    logprobs: LogprobFormatter | None  #: where logprobs are asked for

    @property
    def streamed(self) -> bool:
        """Whether the client asked for a stream."""
        return self.request.streaming.stream

    @property
    def headers(self) -> ResponseHeaders:
        """What was ignored, and what was cut."""
        return ResponseHeaders(self.request.ignored, self.stream.max_tokens_cut)

    def body(self) -> dict[str, object]:
        """Wait for the whole answer, and build its body; the best choices, where more are
        generated than are wanted."""
        choices, usage = self.stream.collect()
        best = select_best_of(choices, self.request.best_of, self.request.n)
        return completion_body(self.meta, best, usage, self.logprobs)

    def chunks(self) -> CompletionChunks:
        """The shapes of the answer's chunks."""
        return CompletionChunks(self.meta, self.logprobs, self.request.streaming)


def start_completion(
    data: Mapping[str, object], engine: TextEngine, context: RequestContext
) -> AcceptedText:
    """Read the request and submit it.

    Raises:
        RequestRefused: it is wrong, or can never be served.
        Unavailable: not now.
    """
    request = read_completion(data)
    stream = engine.generate(request.text, context)
    meta = new_completion_meta("cmpl", engine)
    logprobs = LogprobFormatter(engine.info) if request.logprobs else None
    return AcceptedText(request, stream, meta, logprobs)
