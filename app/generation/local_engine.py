"""The text engine of this process: renders and encodes prompts, and submits them to the engine."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.connection.request_context import RequestContext
from app.engine import Engine
from app.engine.request_handle import RequestHandle
from app.engine.types import EmbeddingRequest, ModelInfo, Owner, TokenIds
from app.generation.embedding_stream import EmbeddingStream
from app.generation.encoding import (
    check_ids,
    encode,
    encode_items,
    engine_errors_as_fields,
)
from app.generation.prompt_echo import PromptEcho
from app.generation.rendering import (
    instruction_renderer,
    plain_prompt,
    render_conversation,
    unshown_names,
)
from app.generation.request import (
    ChatInput,
    FieldNames,
    PromptInput,
    TextEmbeddingRequest,
    TextRequest,
)
from app.generation.served_model import ServedModel
from app.generation.text_stream import TextStream
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

    @property
    def info(self) -> ModelInfo:
        """Facts about the model. Raises Unavailable until it is loaded."""
        return self.engine.info

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
        return EmbeddingStream(handle, len(inputs), context)

    def tokenize(
        self, source: str | ChatInput, template: str | None, context: RequestContext
    ) -> tuple[TokenIds, str]:
        """The tokens that `generate` would read, and the text they are made of."""
        if isinstance(source, ChatInput):
            prompt, fields = self._render_chat(source, context), FieldNames("messages")
        else:
            render = instruction_renderer(template or self.served.prompt_template)
            prompt, fields = render(source), FieldNames("prompt")
        with engine_errors_as_fields(fields):
            return encode(self.engine, prompt), _text_of(prompt)

    def tokenize_bare(self, text: str, template: str | None) -> tuple[TokenIds, str]:
        """The tokens of a text alone, without BOS. The text of a special token is that
        token: this is how clients look its id up, and nothing is generated from it."""
        prompt, info = instruction_renderer(template or "none")(text), self.info
        with engine_errors_as_fields(FieldNames("prompt")):
            if prompt.text in info.special_texts:
                index = info.special_texts.index(prompt.text)
                return (info.special_ids[index],), _text_of(prompt)
            tokens, bos = encode(self.engine, prompt), self.engine.encode("")
        return tokens[len(bos) :] if tokens[: len(bos)] == bos else tokens, _text_of(prompt)

    def detokenize(self, tokens: TokenIds) -> str:
        """The text of token ids, special tokens left out."""
        check_ids(tokens, self.info.vocab_size, "tokens")
        return self.engine.decode(tokens)

    def _generate_chat(
        self, request: TextRequest, chat: ChatInput, context: RequestContext
    ) -> TextStream:
        prompt = self._render_chat(chat, context)
        unread = unshown_names(chat.conversation, self.served, self.info)
        with engine_errors_as_fields(request.fields):
            generation = replace(
                request.generation,
                prompts=(encode(self.engine, prompt),),
                answer_prefix=chat.continued_text,
                # White space after a text that is continued belongs to the answer.
                drop_leading_space=not chat.continue_final_message,
                owner=context.owner,
            )
            handle = self.engine.generate(generation)
            if generation.json_schema is not None:
                _wait_until_prepared(handle, context)
        cut = _max_tokens_cut(handle, generation.max_tokens)
        return TextStream(handle, generation.n, context, max_tokens_cut=cut, unread_fields=unread)

    def _generate_text(
        self, request: TextRequest, source: PromptInput, context: RequestContext
    ) -> TextStream:
        template = source.template or self.served.prompt_template
        render = instruction_renderer(template)
        prompts = encode_items(self.engine, source.prompts, request.fields, render)
        generation = replace(
            request.generation,
            prompts=prompts,
            drop_leading_space=template == "alpaca" and isinstance(source.prompts[0], str),
            owner=context.owner,
        )
        with engine_errors_as_fields(request.fields):
            handle = self.engine.generate(generation)
        echoes = self._echoes(source, template, prompts, generation.prompt_logprobs is not None)
        choices = len(prompts) * generation.n
        cut = _max_tokens_cut(handle, generation.max_tokens)
        return TextStream(handle, choices, context, echoes, max_tokens_cut=cut)

    def _render_chat(self, chat: ChatInput, context: RequestContext) -> Prompt:
        return render_conversation(
            chat.conversation,
            self.served,
            self.info,
            context,
            continue_final_message=chat.continue_final_message,
        )

    def _echoes(
        self, source: PromptInput, template: str, prompts: tuple[TokenIds, ...], scored: bool
    ) -> list[PromptEcho]:
        """The prompts as the model sees them, where they are to be echoed."""
        if not source.echo:
            return []
        render = instruction_renderer(template)
        return [
            PromptEcho(
                render(item).text if isinstance(item, str) else self.engine.decode(item),
                ids,
                self.info.token_bytes,
                scored=scored,
            )
            for item, ids in zip(source.prompts, prompts, strict=True)
        ]


def _text_of(prompt: Prompt) -> str:
    """The prompt's text without the marks that keep users' texts from being special tokens."""
    return prompt.text.replace(SPECIAL_TOKEN_GUARD, "") if prompt.allow_special else prompt.text


def _max_tokens_cut(handle: RequestHandle, max_tokens: int | None) -> int | None:
    """What the engine cut `max_tokens` to; None: it was not asked for, or not cut."""
    limit = handle.max_new_tokens
    return limit if max_tokens is not None and limit < max_tokens else None


def _wait_until_prepared(handle: RequestHandle, context: RequestContext) -> None:
    """Wait until all that can be wrong with an accepted request is known. Nothing can be written
    meanwhile to tell a client that only stopped sending from one that left: both have left.

    Raises:
        EngineError: it is refused after all.
        ClientGone, DeadlinePassed: nothing waits for the answer any more.
    """
    try:
        with context.connection.watch_disconnect(handle.cancel):
            while not handle.wait_until_prepared(context.wait_timeout_s()):
                context.raise_if_disconnected()
        context.raise_if_disconnected()
    except BaseException:
        handle.cancel()
        raise
