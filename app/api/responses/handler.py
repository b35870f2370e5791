"""Requests of the Responses API, accepted by the engine, counted, or refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from app.api.completion import AcceptedCompletion
from app.api.logprobs import LogprobFormatter
from app.api.response_headers import ResponseHeaders
from app.api.responses.events import ResponseEvents
from app.api.responses.item_references import resolve_references
from app.api.responses.item_store import ItemStore
from app.api.responses.request import ResponsesRequest, read_input_tokens, read_response_request
from app.api.responses.response import ResponseHead, new_response_head
from app.api.responses.truncation import Truncation, is_too_long
from app.api.token_count import count_tokens
from app.connection.request_context import RequestContext
from app.engine.errors import UpstreamError
from app.generation.request import ChatInput
from app.generation.text_engine import TextEngine
from app.generation.text_stream import TextStream
from app.protocol.errors import FieldRefused, RequestRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedResponse(AcceptedCompletion):
    """Whole answers are made of a stream's events."""

    head: ResponseHead
    logprobs: LogprobFormatter | None  #: where logprobs are asked for
    summary: bool  #: the thinking is sent as a summary
    keep: Callable[[Mapping[str, object]], None] | None  #: is given each finished item

    def body(self) -> dict[str, object]:
        """Wait for the whole answer, and build its body."""
        events = self.chunks()
        for delta in self.stream.all_deltas():
            events.delta(delta)
        events.closing(self.stream.usage)
        return events.response

    def chunks(self) -> ResponseEvents:
        """The shapes of the answer's events."""
        return ResponseEvents(
            self.head, self.logprobs, self.streaming, summary=self.summary, keep=self.keep
        )


def start_response(
    data: Mapping[str, object], engine: TextEngine, items: ItemStore, context: RequestContext
) -> AcceptedResponse:
    """Read the request and submit it. items: those of earlier answers.

    Raises:
        RequestRefused: it is wrong, or can never be served.
        Unavailable: not now.
    """
    data = resolve_references(data, partial(items.get, context.owner))
    request = read_response_request(data, engine.sampling_defaults)
    stream = _generate(request, engine, context)
    has_logprobs = request.text.generation.params.logprobs is not None
    return AcceptedResponse(
        stream=stream,
        streaming=request.streaming,
        ignored=request.ignored,
        head=new_response_head(data, request, engine),
        logprobs=LogprobFormatter(stream.token_texts) if has_logprobs else None,
        summary=request.reasoning.summary is not None,
        keep=partial(items.put, context.owner) if request.store else None,
    )


def count_input_tokens(
    data: Mapping[str, object], engine: TextEngine, items: ItemStore, context: RequestContext
) -> tuple[dict[str, object], ResponseHeaders]:
    """How many tokens the model would read. items: those of earlier answers.

    Raises:
        RequestRefused: the request is wrong, or far too long.
        Unavailable: the model is still loading.
    """
    request = read_input_tokens(resolve_references(data, partial(items.get, context.owner)))
    count, headers = count_tokens(request, engine, context)
    return {"object": "response.input_tokens", "input_tokens": count}, headers


def _generate(request: ResponsesRequest, engine: TextEngine, context: RequestContext) -> TextStream:
    try:
        return engine.generate(request.text, context)
    except (FieldRefused, UpstreamError) as error:
        if not request.truncate or not is_too_long(error):
            raise
        refusal: Exception = error
    limit = engine.info.max_model_len
    # What is cut leaves room for an answer, so that it is not cut again at each turn.
    room = min(request.text.generation.max_tokens or limit // 4, limit // 2)

    def fits(chat: ChatInput) -> bool:
        try:
            return len(engine.tokenize(chat, None, context).tokens) + room <= limit
        except (RequestRefused, UpstreamError) as error:
            return not is_too_long(error)

    def generate(chat: ChatInput) -> TextStream:
        return engine.generate(replace(request.text, input=chat), context)

    return Truncation(request.chat, fits, generate).longest(refusal)
