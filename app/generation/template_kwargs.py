"""The variables a chat template gets, and what of a request its template does not read."""

from __future__ import annotations

from collections.abc import Iterator

from app.engine.model_info import ModelInfo
from app.generation.rendering import source_in_use
from app.generation.request import ChatInput
from app.generation.served_model import ServedModel
from app.prompts.chat_template_kwargs import ChatTemplateKwargs
from app.prompts.template_variables import shows_names, template_variables, thinking_switch
from app.protocol.template_fields import NO_THINKING


def template_source(chat: ChatInput, served: ServedModel, info: ModelInfo) -> str | None:
    """The template in use; None: Alpaca."""
    return source_in_use(served.chat_template, info, with_tools=bool(chat.tools))


def chat_template_kwargs(
    chat: ChatInput, served: ServedModel, source: str | None
) -> ChatTemplateKwargs:
    """The operator's variables, then the request's: `reasoning_effort`, `enable_thinking` and
    `chat_template_kwargs`, of which the later wins. source: of the template in use."""
    given = chat.template
    kwargs = dict(served.chat_template_kwargs)
    if given.reasoning_effort not in (None, NO_THINKING):
        kwargs["reasoning_effort"] = given.reasoning_effort
    if given.thinking is not None:
        kwargs[thinking_switch(source) or "enable_thinking"] = given.thinking
    return {**kwargs, **given.chat_template_kwargs}


def unread_fields(chat: ChatInput, source: str | None) -> tuple[str, ...]:
    """Paths of what the template in use does not tell the model. source: the template's."""
    return (*_unread_variables(chat, source), *_unread_in_messages(chat, source))


def _unread_variables(chat: ChatInput, source: str | None) -> Iterator[str]:
    given = chat.template
    read = template_variables(source) if source else frozenset[str]()
    for name in given.chat_template_kwargs:
        if name not in read:
            yield f"chat_template_kwargs.{name}"
    has_switch = thinking_switch(source) is not None
    if given.enable_thinking is not None and not has_switch:
        yield given.enable_thinking_name
    if given.reasoning_effort is not None:
        is_off = given.reasoning_effort == NO_THINKING
        if not (has_switch if is_off else "reasoning_effort" in read):
            yield given.reasoning_effort_name


def _unread_in_messages(chat: ChatInput, source: str | None) -> Iterator[str]:
    has_names = source is not None and shows_names(source)
    shows_thinking = source is not None and "reasoning_content" in source
    conversation = chat.conversation
    for turn, paths in zip(conversation.messages, conversation.paths, strict=True):
        if turn.name and turn.role != "tool" and not has_names:
            yield paths.name
        if turn.reasoning_content and not shows_thinking:
            yield paths.reasoning_content
