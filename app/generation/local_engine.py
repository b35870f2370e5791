"""The text engine of this process: renders and encodes prompts, and submits them to the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.connection.request_context import RequestContext
from app.engine import Engine
from app.engine.errors import Unavailable
from app.engine.model_info import ModelInfo
from app.engine.request import EmbeddingRequest, GenerationRequest, Owner
from app.engine.stats import DayUsage
from app.engine.token_ids import TokenIds
from app.generation.chat_prompt import ChatPrompt, render_chat
from app.generation.embedding_stream import EmbeddingStream
from app.generation.encoding import (
    check_ids,
    encode,
    encode_items,
    engine_errors_as_fields,
)
from app.generation.prompt_echo import prompt_echoes
from app.generation.reasoning import reasoning_of
from app.generation.rendering import instruction_renderer, plain_prompt
from app.generation.request import (
    ChatInput,
    FieldNames,
    PromptInput,
    TextEmbeddingRequest,
    TextRequest,
)
from app.generation.results import TokenizedPrompt
from app.generation.served_model import ServedModel
from app.generation.submission import max_tokens_cut, submit
from app.generation.text_stream import TextStream
from app.generation.tool_call_deltas import ToolCallCounter, ToolCallDeltas
from app.generation.tool_calling import format_in_use, with_tool_calls
from app.prompts import Prompt
from app.protocol.loading import field_error
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

#: Tokens of all inputs of an embedding request together, as many as OpenAI takes.
MAX_EMBEDDING_TOKENS = 300_000


@dataclass(frozen=True, slots=True)
class LocalTextEngine:
    """Implements `app.generation.text_engine.TextEngine`."""

    engine: Engine
    served: ServedModel
    tool_calls: ToolCallCounter = field(default_factory=ToolCallCounter)

    @property
    def info(self) -> ModelInfo:
        """Facts about the model. Raises Unavailable until it is loaded."""
        return self.engine.info

    @property
    def sampling_defaults(self) -> Mapping[str, float]:
        """The model's own, of fields that a request does not give, by name; none until it is
        loaded: errors in a request can be reported even then."""
        try:
            return self.info.sampling_defaults
        except Unavailable:
            return {}

    def check_capacity(self, owner: Owner) -> None:
        """Raises Unavailable when nothing of this owner would be accepted now."""
        self.engine.check_capacity(owner)

    def generate(self, request: TextRequest, context: RequestContext) -> TextStream:
        """Accept a request, or refuse it (RequestRefused, Unavailable)."""
        self.served.check_model(request.model)
        if isinstance(request.input, ChatInput):
            return self._generate_chat(request, request.input, context)
        return self._generate_text(request, request.input, context)

    def embed(self, request: TextEmbeddingRequest, context: RequestContext) -> EmbeddingStream:
        """Accept a request, or refuse it (RequestRefused, Unavailable)."""
        self.served.check_model(request.model)
        size = self.info.hidden_size
        if request.dimensions is not None and request.dimensions > size:
            raise field_error("dimensions", f"must be a whole number from 1 to {size}")
        inputs = encode_items(self.engine, request.inputs, request.fields, plain_prompt)
        total = sum(map(len, inputs))
        if total > MAX_EMBEDDING_TOKENS:
            limit = f"at most {MAX_EMBEDDING_TOKENS} in one request"
            raise field_error(request.fields.prompt, f"has {total} tokens in all; {limit}")
        with engine_errors_as_fields(request.fields):
            handle = self.engine.embed(EmbeddingRequest(inputs, context.owner))
        context.handles.append(handle)
        return EmbeddingStream(handle, len(inputs), context)

    def tokenize(
        self, source: str | ChatInput, template: str | None, context: RequestContext
    ) -> TokenizedPrompt:
        """The tokens that `generate` would read, and the text they are made of."""
        unread: tuple[str, ...] = ()
        if isinstance(source, ChatInput):
            rendered = render_chat(source, self.served, self.info, context)
            prompt, unread = rendered.prompt, rendered.unread_fields
            fields = FieldNames(source.conversation.field)
        else:
            render = instruction_renderer(template or self.served.prompt_template)
            prompt, fields = render(source), FieldNames("prompt")
        with engine_errors_as_fields(fields):
            return TokenizedPrompt(encode(self.engine, prompt), _text_of(prompt), unread)

    def tokenize_bare(self, text: str, template: str | None) -> TokenizedPrompt:
        """The tokens of a text alone, without BOS. The text of a special token is that
        token: this is how clients look its id up, and nothing is generated from it."""
        prompt, info = instruction_renderer(template or "none")(text), self.info
        with engine_errors_as_fields(FieldNames("prompt")):
            if prompt.text in info.special_texts:
                index = info.special_texts.index(prompt.text)
                return TokenizedPrompt((info.special_ids[index],), _text_of(prompt))
            tokens, bos = encode(self.engine, prompt), self.engine.encode("")
        bare = tokens[len(bos) :] if tokens[: len(bos)] == bos else tokens
        return TokenizedPrompt(bare, _text_of(prompt))

    def detokenize(self, tokens: TokenIds) -> str:
        """The text of token ids, special tokens left out."""
        check_ids(tokens, self.info.vocab_size, "tokens")
        return self.engine.decode(tokens)

    def usage_today(self, owner: Owner) -> DayUsage:
        """What the owner's key has used on this day (UTC)."""
        return self.engine.usage_today(owner)

    def _generate_chat(
        self, request: TextRequest, chat: ChatInput, context: RequestContext
    ) -> TextStream:
        rendered = render_chat(chat, self.served, self.info, context)
        unread = rendered.unread_fields
        if chat.thinking_budget is not None and not rendered.may_think:
            unread += (request.fields.thinking_budget,)
        calls, tool_use = None, chat.tool_use
        with engine_errors_as_fields(request.fields):
            generation = self._chat_generation(request, chat, rendered, context)
            if tool_use:
                kind = format_in_use(self.served, self.info)
                generation = with_tool_calls(generation, tool_use, kind, self.served, self.info)
                calls = ToolCallDeltas(kind, tool_use, generation.n, self.tool_calls)
            handle = submit(self.engine, generation, context)
        cut = max_tokens_cut(handle, generation.max_tokens)
        return TextStream(
            handle,
            generation.n,
            context,
            token_texts=self.info.token_texts,
            tool_calls=calls,
            max_tokens_cut=cut,
            unread_fields=unread,
            may_think=rendered.may_think,
        )

    def _chat_generation(
        self,
        request: TextRequest,
        chat: ChatInput,
        rendered: ChatPrompt,
        context: RequestContext,
    ) -> GenerationRequest:
        is_free = request.generation.structured_output is None
        prompt = rendered.prompt
        reasoning = reasoning_of(
            chat, rendered.template, prompt.text, self.engine, drop_space=is_free
        )
        return replace(
            request.generation,
            prompts=(encode(self.engine, prompt),),
            # Thinking that is continued is no part of the answer.
            answer_prefix="" if reasoning else chat.continued_text,
            # White space after a text that is continued belongs to the answer.
            drop_leading_space=not chat.continue_final_message and is_free,
            reasoning=reasoning,
            owner=context.owner,
        )

    def _generate_text(
        self, request: TextRequest, source: PromptInput, context: RequestContext
    ) -> TextStream:
        template = source.template or self.served.prompt_template
        render = instruction_renderer(template)
        prompts = encode_items(self.engine, source.prompts, request.fields, render)
        generation = replace(
            request.generation,
            prompts=prompts,
            drop_leading_space=template == "alpaca"
            and isinstance(source.prompts[0], str)
            and request.generation.structured_output is None,
            owner=context.owner,
        )
        with engine_errors_as_fields(request.fields):
            handle = submit(self.engine, generation, context)
        scored = generation.prompt_logprobs is not None
        echoes = prompt_echoes(source, render, prompts, self.engine, scored=scored)
        choices = len(prompts) * generation.n
        cut = max_tokens_cut(handle, generation.max_tokens)
        texts = self.info.token_texts
        return TextStream(handle, choices, context, echoes, token_texts=texts, max_tokens_cut=cut)


def _text_of(prompt: Prompt) -> str:
    """The prompt's text without the marks that keep users' texts from being special tokens."""
    return prompt.text.replace(SPECIAL_TOKEN_GUARD, "") if prompt.allow_special else prompt.text
