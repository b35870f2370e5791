"""The text engine over an upstream: wraps and translates requests, and submits them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from app.connection.request_context import RequestContext
from app.engine.errors import UpstreamError, UpstreamUnreachable
from app.engine.model_info import ModelInfo
from app.engine.request import Owner
from app.engine.request_handle import RequestHandle
from app.engine.stats import DayUsage
from app.engine.token_ids import TokenIds
from app.generation.embedding_stream import EmbeddingStream
from app.generation.rendering import instruction_renderer
from app.generation.request import (
    ChatInput,
    TextEmbeddingRequest,
    TextRequest,
)
from app.generation.results import TokenizedPrompt
from app.generation.served_model import ServedModel
from app.generation.submission import wait_until_prepared
from app.generation.text_stream import TextStream
from app.generation.tool_call_deltas import ToolCallCounter
from app.upstream.connection import headers_of
from app.upstream.embedding_exchange import EmbeddingExchange
from app.upstream.generation_exchange import GenerationExchange
from app.upstream.max_tokens import most_prompt_tokens
from app.upstream.message_fields import message_fields
from app.upstream.rendered_chat import rendered_chat
from app.upstream.request_body import completion_call, upstream_call
from app.upstream.request_check import RequestCheck
from app.upstream.tokenizer import UpstreamTokenizer
from app.upstream.upstream_call import UpstreamCall
from app.upstream.upstream_engine import UpstreamEngine
from app.upstream.upstream_model import UpstreamModel

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UpstreamTextEngine:
    """Implements `app.generation.text_engine.TextEngine`."""

    engine: UpstreamEngine
    settings: ServedModel  #: its name is "" where the upstream's is to be used
    checks: RequestCheck = field(default_factory=RequestCheck)

    @property
    def served(self) -> ServedModel:
        """The upstream's names, and the settings'."""
        try:
            model = self.engine.model
        except UpstreamUnreachable:
            return replace(self.settings, model_name=self.settings.model_name or "upstream")
        first = model.name
        aliases = (*self.settings.aliases, *model.aliases)
        if self.settings.model_name:
            aliases = (first, *aliases)
        return replace(
            self.settings,
            model_name=self.settings.model_name or first,
            aliases=aliases,
            others=model.names[1:],
        )

    @property
    def info(self) -> ModelInfo:
        """What is known of the upstream's first model. Raises Unavailable until it is known."""
        return self.engine.info

    @property
    def sampling_defaults(self) -> Mapping[str, float]:
        """Empty: what a request does not give is sent with the defaults of our routes."""
        return {}

    @property
    def tool_calls(self) -> ToolCallCounter:
        """Tool calls in the answers since the start, as the upstream found them."""
        return self.engine.ledger.tool_calls

    def check_capacity(self, owner: Owner) -> None:
        """Raises Unavailable when nothing of this owner would be accepted now."""
        self.engine.check_capacity(owner)

    def usage_today(self, owner: Owner) -> DayUsage:
        """What the owner's key has used on this day (UTC)."""
        return self.engine.ledger.usage_today(owner)

    def generate(self, request: TextRequest, context: RequestContext) -> TextStream:
        """Accept a request, or refuse it (RequestRefused, EngineError): returns once the upstream
        has accepted it."""
        served, model = self.served, self.engine.model
        served.check_model(request.model)
        self.checks.check(request, model, context)
        call = self._call(request, model, served, context)
        call, cut = self._fitted(call, request, model, context)
        call = replace(call, headers=headers_of(context.request_id))
        handle = RequestHandle(0, call.choices, lambda: self.engine.cancel(exchange), context.owner)
        exchange = GenerationExchange(handle, call, model.kind, request.fields)
        self.engine.submit(exchange)
        context.handles.append(handle)
        wait_until_prepared(handle, context)
        return TextStream(
            handle,
            call.choices,
            context,
            token_texts=exchange.token_texts,
            max_tokens_cut=cut or exchange.max_tokens_cut,
            unread_fields=exchange.unread_fields,
        )

    def embed(self, request: TextEmbeddingRequest, context: RequestContext) -> EmbeddingStream:
        """Accept a request, or refuse it (RequestRefused, Unavailable)."""
        served, model = self.served, self.engine.model
        served.check_model(request.model)
        items = [item if isinstance(item, str) else list(item) for item in request.inputs]
        body = {
            "model": self._upstreams_name(request.model, model),
            "input": items if request.fields.is_list else items[0],
            "encoding_format": "base64",
        }
        headers = headers_of(context.request_id)
        call = UpstreamCall("/embeddings", body, len(items), 1, 1, streamed=False, headers=headers)
        handle = RequestHandle(0, len(items), lambda: self.engine.cancel(exchange), context.owner)
        exchange = EmbeddingExchange(handle, call, model.kind, request.fields, request.dimensions)
        self.engine.submit(exchange)
        context.handles.append(handle)
        return EmbeddingStream(handle, len(items), context)

    def tokenize(
        self, source: str | ChatInput, template: str | None, context: RequestContext
    ) -> TokenizedPrompt:
        """The tokens that `generate` would have the upstream read, and their text."""
        served, model = self.served, self.engine.model
        if isinstance(source, str):
            return self._tokenize_text(source, template or served.prompt_template, bare=False)
        if served.chat_template is not None:
            prompt = rendered_chat(source, served, self.info, model, context)
            text, bare = prompt.text, not prompt.adds_bos
            return self._ask(lambda tokenizer: tokenizer.of_rendered(text, bare=bare), context)
        fields = message_fields(source, model.kind, served.chat_template_kwargs)
        return self._ask(lambda tokenizer: tokenizer.of_chat(fields), context)

    def tokenize_bare(self, text: str, template: str | None) -> TokenizedPrompt:
        """The tokens of a text alone, without BOS."""
        return self._tokenize_text(text, template or "none", bare=True)

    def detokenize(self, tokens: TokenIds) -> str:
        """The text of token ids."""
        return self._ask(lambda tokenizer: tokenizer.text_of(tokens))

    def _call(
        self,
        request: TextRequest,
        model: UpstreamModel,
        served: ServedModel,
        context: RequestContext,
    ) -> UpstreamCall:
        name = self._upstreams_name(request.model, model)
        if isinstance(request.input, ChatInput) and served.chat_template is not None:
            prompt = rendered_chat(request.input, served, self.info, model, context)
            ids: TokenIds = ()
            if prompt.needs_ids:
                text = prompt.text
                ids = self._ask(lambda each: each.of_rendered(text, bare=True), context).tokens
            fields = prompt.fields(request.input, request.generation, ids)
            return completion_call(request, fields, 1, model, name)

        def text_of(tokens: TokenIds) -> str:
            return self._ask(lambda tokenizer: tokenizer.text_of(tokens), context)

        return upstream_call(
            request, model, name, served, text_of if model.kind.tokenizer else None
        )

    def _fitted(
        self,
        call: UpstreamCall,
        request: TextRequest,
        model: UpstreamModel,
        context: RequestContext,
    ) -> tuple[UpstreamCall, int | None]:
        """The call with a `max_tokens` that fits, and what it was cut to; None: not cut, or the
        upstream cuts it and says so, or nobody can say."""
        asked, length = request.generation.max_tokens, model.max_model_len
        may_not_fit = asked and length and asked + most_prompt_tokens(call.body) > length
        if not may_not_fit or model.kind.wraps_prompts or not model.kind.tokenizer:
            return call, None
        try:
            tokens = self._ask(lambda tokenizer: _count(tokenizer, call.body), context)
        except UpstreamError:
            return call, None
        left = length - tokens
        if asked is None or not 0 < left < asked:
            return call, None
        return replace(call, body={**call.body, "max_tokens": left}), left

    def _tokenize_text(self, text: str, template: str, *, bare: bool) -> TokenizedPrompt:
        if template == "alpaca" and self.engine.model.kind.wraps_prompts:
            return self._ask(lambda tokenizer: tokenizer.of_instruction(text, bare=bare))
        rendered = instruction_renderer(template)(text).text
        return self._ask(lambda tokenizer: tokenizer.of_text(rendered, bare=bare))

    def _ask(
        self,
        question: Callable[[UpstreamTokenizer], Coroutine[Any, Any, T]],
        context: RequestContext | None = None,
    ) -> T:
        """The upstream's answer. context: whose client may leave meanwhile."""
        return _wait(self.engine.ask_tokenizer(question), context)

    @staticmethod
    def _upstreams_name(requested: str | None, model: UpstreamModel) -> str:
        """What the upstream calls the model that a request names."""
        return requested if requested in model.names and requested else model.name


async def _count(tokenizer: UpstreamTokenizer, body: Mapping[str, object]) -> int:
    """Tokens of a request's longest prompt."""
    if "messages" in body:
        return await tokenizer.count_of_chat(body)
    prompt = body["prompt"]
    items = prompt if isinstance(prompt, list) and not isinstance(prompt[0], int) else [prompt]
    counts = [
        len((await tokenizer.of_text(item, bare=False)).tokens)
        if isinstance(item, str)
        else len(item)  # type: ignore[arg-type]
        for item in items
    ]
    return max(counts)


def _wait(answer: Future[T], context: RequestContext | None) -> T:
    try:
        while True:
            timeout_s = None if context is None else context.wait_timeout_s()
            try:
                return answer.result(timeout_s)
            except FutureTimeout:
                if answer.done() or context is None:
                    raise
                context.raise_if_disconnected()
    finally:
        answer.cancel()
