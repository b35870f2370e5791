"""A chat as the prompt that the model reads, and what of it the model is not told."""

from __future__ import annotations

from dataclasses import dataclass

from app.connection.request_context import RequestContext
from app.engine.model_info import ModelInfo
from app.generation.rendering import render_conversation
from app.generation.request import ChatInput
from app.generation.served_model import ServedModel
from app.generation.template_kwargs import chat_template_kwargs, template_source, unread_fields
from app.prompts import Prompt
from app.prompts.reasoning_tags import mentions_reasoning_tags


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A rendered chat."""

    prompt: Prompt
    template: str | None  #: source of the template that made it; None: Alpaca
    unread_fields: tuple[str, ...]  #: paths of what the template does not tell the model

    @property
    def may_think(self) -> bool:
        """Whether the model thinks, or can."""
        return mentions_reasoning_tags(self.template)


def render_chat(
    chat: ChatInput, served: ServedModel, info: ModelInfo, context: RequestContext
) -> ChatPrompt:
    """The chat through the template in use.

    Raises:
        BadRequest: the template does not take this conversation.
        ClientGone, DeadlinePassed: nothing waits for the answer any more.
    """
    source = template_source(chat, served, info)
    prompt = render_conversation(
        chat.conversation,
        served,
        info,
        context,
        continue_final_message=chat.continue_final_message,
        tools=chat.tools,
        kwargs=chat_template_kwargs(chat, served, source),
    )
    return ChatPrompt(prompt, source, unread_fields(chat, source))
