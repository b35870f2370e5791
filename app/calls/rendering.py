"""Which template a request's text goes through, and the refusals that templates give rise to.

Knows nothing about tokens or engines.
"""

from __future__ import annotations

from collections.abc import Callable

from app.engine.types import ModelInfo
from app.prompts import BREAK, Call, Prompt, ReservedCharacter, TemplateRefused, Turn
from app.prompts.alpaca import render_instruction, render_turns
from app.prompts.jinja_chat import ChatTemplate, render_with_template
from app.schemas.errors import BadRequest
from app.schemas.messages import Conversation, Message


def instruction_renderer(template: str) -> Callable[[str], Prompt]:
    """What makes a prompt of an instruction; `template` is "alpaca" or "none"."""
    return render_instruction if template == "alpaca" else _plain


def render_conversation(
    conversation: Conversation, source: str | None, info: ModelInfo, *, continued: bool
) -> Prompt:
    """The conversation up to where the model goes on: with a new turn, or with the last one
    if `continued`. `source`: the template to use; None: the tokenizer's own, or Alpaca.

    Raises:
        BadRequest: the template does not take this conversation.
    """
    turns = [_turn(message) for message in conversation.messages]
    source = source or info.chat_template
    if source is None:
        return render_turns(turns, continued=continued)
    template = ChatTemplate(source, info.bos_text, info.eos_text, info.special_texts)
    try:
        return render_with_template(turns, template, continued=continued)
    except TemplateRefused as error:
        message = f"messages: the model's chat template refuses this conversation: {error}"
        raise BadRequest(message, "messages") from error
    except ReservedCharacter as error:
        path = f"messages.{conversation.paths[error.turn]}".rstrip(".")
        message = f"{path}: U+{ord(BREAK):04X} is a private character this server reserves"
        raise BadRequest(message, path) from error


def _turn(message: Message) -> Turn:
    calls = (Call(call.name, call.arguments, call.id) for call in message.tool_calls)
    return Turn(
        role="system" if message.role == "developer" else message.role,
        text=message.text,
        has_text=message.has_text,
        calls=tuple(calls),
        call_id=message.tool_call_id,
        name=message.name,
    )


def _plain(text: str) -> Prompt:
    return Prompt(text, allow_special=False)
