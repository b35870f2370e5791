"""A /v1/chat/completions request, accepted by the engine or refused.

Knows nothing about Flask, streams of events or pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.calls import Served
from app.calls.submitting import encode, fields_named
from app.engine import Engine, Stream
from app.engine.types import GenerationRequest, ModelInfo
from app.prompts import BREAK, Prompt, ReservedCharacter, TemplateRefused, Turn
from app.prompts.alpaca import render_turns
from app.prompts.jinja_chat import ChatTemplate, render_with_template
from app.schemas.answers import Head, new_head
from app.schemas.chat import ChatCall, read_chat
from app.schemas.errors import BadRequest
from app.schemas.messages import Conversation


@dataclass(frozen=True, slots=True)
class ChatWork:
    """A request the engine has accepted."""

    head: Head
    call: ChatCall
    stream: Stream


def start_chat(data: Mapping[str, object], engine: Engine, served: Served) -> ChatWork:
    """Read the request and submit it.

    Raises:
        RequestRefused: it is wrong, or can never be served.
        Unavailable: not now.
    """
    call = read_chat(data)
    generation = call.generation
    served.check_model(generation.model)
    with fields_named("messages", generation.max_tokens_field):
        prompt = encode(engine, _render(call.conversation, engine.info))
        stream = engine.generate(
            GenerationRequest(
                prompts=(prompt,),
                params=generation.params,
                n=generation.n,
                max_tokens=generation.max_tokens,
                default_max_tokens=generation.default_max_tokens,
                stop=generation.stop,
                ignore_eos=generation.ignore_eos,
                drop_leading_space=True,
            )
        )
    return ChatWork(new_head("chatcmpl", served.model_name), call, stream)


def _render(conversation: Conversation, info: ModelInfo) -> Prompt:
    turns = [
        Turn("system" if message.role == "developer" else message.role, message.text)
        for message in conversation.messages
    ]
    if info.chat_template is None:
        return render_turns(turns)
    template = ChatTemplate(info.chat_template, info.bos_text, info.eos_text, info.special_texts)
    try:
        return render_with_template(turns, template)
    except TemplateRefused as error:
        message = f"messages: the model's chat template refuses this conversation: {error}"
        raise BadRequest(message, "messages") from error
    except ReservedCharacter as error:
        path = f"messages.{conversation.paths[error.turn]}".rstrip(".")
        message = f"{path}: U+{ord(BREAK):04X} is a private character this server reserves"
        raise BadRequest(message, path) from error
