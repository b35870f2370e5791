"""A conversation rendered here, with the template of --chat_template, for an upstream's raw
/completions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.connection.request_context import RequestContext
from app.engine.errors import UpstreamError
from app.engine.model_info import ModelInfo
from app.engine.request import GenerationRequest
from app.engine.token_ids import TokenIds
from app.generation.rendering import render_conversation
from app.generation.request import ChatInput
from app.generation.served_model import ServedModel
from app.generation.template_kwargs import chat_template_kwargs
from app.prompts.template_variables import template_variables
from app.upstream.prompt_fields import PromptFields
from app.upstream.sampling_fields import not_supported
from app.upstream.server_kind import ServerKind
from app.upstream.upstream_model import UpstreamModel


@dataclass(frozen=True, slots=True)
class RenderedChat:
    """A prompt, and who writes its BOS."""

    text: str
    adds_bos: bool  #: the upstream, because the template has one that nobody tells us
    kind: ServerKind
    needs_ids: bool = False  #: as a text it would get a BOS that its template does not write

    def fields(
        self, chat: ChatInput, request: GenerationRequest, ids: TokenIds = ()
    ) -> PromptFields:
        """As a request's fields. ids: sent instead of the text."""
        fields: dict[str, object] = {"prompt": list(ids) or self.text}
        if self.kind.has_add_special_tokens:
            fields["add_special_tokens"] = self.adds_bos
        is_free = request.structured_output is None
        return PromptFields(fields, is_free and not chat.continue_final_message)


def rendered_chat(
    chat: ChatInput,
    served: ServedModel,
    info: ModelInfo,
    model: UpstreamModel,
    context: RequestContext,
) -> RenderedChat:
    """The conversation up to where the model goes on.

    Raises:
        BadRequest: the template does not take this conversation.
        UpstreamError: what it asks for is not in a raw completion, or its template needs a token
            that the upstream does not tell.
    """
    kind = model.kind
    if not kind.reads_templates:
        raise UpstreamError(
            f"--chat_template is not for this upstream, {kind.name}, which reads no control tokens "
            "in a prompt: give the template to the upstream",
            501,
            "not_supported",
        )
    if chat.tool_use is not None and chat.tool_use.tools:
        raise UpstreamError(
            "tools: are not supported with --chat_template over an upstream", 400, param="tools"
        )
    if chat.thinking_budget is not None:
        raise not_supported("thinking_budget", kind)
    assert served.chat_template is not None
    read = template_variables(served.chat_template)
    if "eos_token" in read and not info.eos_text:
        raise UpstreamError(
            f"--chat_template reads eos_token, which this upstream, {kind.name}, does not tell; "
            "write its text into the template",
            501,
            "not_supported",
        )
    prompt = render_conversation(
        chat.conversation,
        # Undefined would fail in some templates; the upstream writes an unknown BOS itself.
        served,
        replace(info, bos_text=info.bos_text or ""),
        context,
        continue_final_message=chat.continue_final_message,
        kwargs=chat_template_kwargs(chat, served, served.chat_template),
    )
    text, adds_bos = prompt.text, "bos_token" in read and not info.bos_text
    if kind.has_add_special_tokens or not info.bos_text:
        return RenderedChat(text, adds_bos, kind)
    # The upstream writes a BOS in any case.
    has_bos = text.startswith(info.bos_text)
    needs_ids = not has_bos and bool(kind.tokenizer)
    return RenderedChat(text.removeprefix(info.bos_text), has_bos, kind, needs_ids)
