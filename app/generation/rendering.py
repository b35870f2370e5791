"""Messages and instructions through the prompt template in use, and the template's refusals."""

from __future__ import annotations

import re
from collections.abc import Callable

from app.connection.request_context import RequestContext
from app.engine.types import ModelInfo
from app.generation.served_model import ServedModel
from app.prompts import ChatMessage, ChatTemplateError, FunctionCall, Prompt, ReservedCharacterError
from app.prompts.alpaca import render_alpaca_chat, render_instruction
from app.prompts.chat_template import ChatTemplate
from app.prompts.render_chat import render_with_template
from app.protocol.errors import BadRequest
from app.protocol.messages import Conversation, Message
from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD

_SHOWS_NAMES = re.compile(r"\bmessage(\.name\b|\[['\"]name['\"]\])")


def instruction_renderer(template: str) -> Callable[[str], Prompt]:
    """What makes a prompt of an instruction; `template` is "alpaca" or "none"."""
    return render_instruction if template == "alpaca" else plain_prompt


def render_conversation(
    conversation: Conversation,
    served: ServedModel,
    info: ModelInfo,
    context: RequestContext,
    *,
    continue_final_message: bool,
) -> Prompt:
    """The conversation up to where the model goes on: with a new turn, or with the last one
    if `continue_final_message`: by the template of --chat_template, the tokenizer's, or Alpaca.

    Raises:
        BadRequest: the template does not take this conversation.
        ClientGone, DeadlinePassed: nothing waits for the answer any more.
    """
    turns = [to_chat_message(message) for message in conversation.messages]
    template, name = _template(served.chat_template, info)
    if template is None:
        return render_alpaca_chat(turns, continue_final_message=continue_final_message)

    def check() -> None:
        context.raise_if_disconnected()
        context.wait_timeout_s()

    try:
        with context.connection.watch_disconnect(lambda: None):
            return render_with_template(
                turns,
                template,
                continue_final_message=continue_final_message,
                check_cancelled=check,
            )
    except ChatTemplateError as error:
        message = f"messages: {name} refuses this conversation: {error}"
        raise BadRequest(message, "messages") from error
    except ReservedCharacterError as error:
        index = error.message_index
        field = f"{index}.tool_calls" if error.in_tool_calls else conversation.paths[index]
        path = f"messages.{field}".rstrip(".")
        message = (
            f"{path}: U+{ord(SPECIAL_TOKEN_GUARD):04X} is a private character this server reserves"
        )
        raise BadRequest(message, path) from error


def unshown_names(
    conversation: Conversation, served: ServedModel, info: ModelInfo
) -> tuple[str, ...]:
    """Paths of the names of speakers that the template in use does not tell the model."""
    source = served.chat_template or info.chat_template
    if source is not None and _SHOWS_NAMES.search(source):
        return ()
    turns = enumerate(conversation.messages)
    return tuple(f"messages.{i}.name" for i, turn in turns if turn.name and turn.role != "tool")


def _template(source: str | None, info: ModelInfo) -> tuple[ChatTemplate | None, str]:
    """The template to use and what to call it. One that an operator names gets the vocabulary's
    BOS and EOS also where the tokenizer's files do not name them."""
    if source is None:
        if info.chat_template is None:
            return None, ""
        template = ChatTemplate(info.chat_template, info.named_tokens, info.special_texts)
        return template, "the model's own chat template"
    defaults = {"bos_token": info.bos_text, "eos_token": info.eos_text}
    named = {name: text for name, text in defaults.items() if text} | dict(info.named_tokens)
    template = ChatTemplate(source, tuple(named.items()), info.special_texts)
    return template, "the template of --chat_template"


def to_chat_message(message: Message) -> ChatMessage:
    calls = (FunctionCall(call.name, call.arguments, call.id) for call in message.tool_calls)
    return ChatMessage(
        role="system" if message.role == "developer" else message.role,
        text=message.text,
        has_text=message.has_text,
        tool_calls=tuple(calls),
        tool_call_id=message.tool_call_id,
        name=message.name,
    )


def plain_prompt(text: str) -> Prompt:
    """The text without a template; texts of special tokens in it are plain text."""
    return Prompt(text, allow_special=False)
