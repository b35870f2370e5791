"""POST /tokenize and /detokenize: the requests' fields, read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema

from app.engine.token_ids import TokenIds
from app.generation.request import ChatInput
from app.protocol.continuation import read_continue_final_message
from app.protocol.fields import StrictBoolean, StrictString, Unsupported
from app.protocol.loading import field_error, ignored_fields, load
from app.protocol.messages import Conversation, Messages
from app.protocol.prompt_fields import Ids
from app.protocol.template_fields import TemplateFieldsSchema, read_template_fields
from app.protocol.tools import Tool, Tools


class TokenizeSchema(TemplateFieldsSchema):
    """The request's fields: `prompt` as /v1/completions reads it, or `messages` as
    /v1/chat/completions does."""

    prompt = StrictString()
    messages = Messages(required=False)
    model = StrictString()
    prompt_template = StrictString("alpaca", "none")
    continue_final_message = StrictBoolean()
    add_generation_prompt = StrictBoolean()
    add_special_tokens = StrictBoolean()
    count_only = StrictBoolean()
    return_token_strs = Unsupported(False)
    chat_template = Unsupported()
    tools = Tools()


class DetokenizeSchema(Schema):
    """The request's fields."""

    tokens = Ids()
    model = StrictString()


_TOKENIZE, _DETOKENIZE = TokenizeSchema(), DetokenizeSchema()


@dataclass(frozen=True, slots=True)
class TokenizeRequest:
    """A valid request."""

    source: str | ChatInput  #: a prompt, or messages
    template: str | None  #: "alpaca", "none"; None: the server's choice
    bare: bool  #: the prompt's tokens alone: no BOS, and a template only where one is named
    count_only: bool  #: neither the tokens nor the text are wanted
    model: str | None
    ignored: tuple[str, ...]  #: paths of what was not read, sorted


@dataclass(frozen=True, slots=True)
class DetokenizeRequest:
    """A valid request."""

    tokens: TokenIds
    model: str | None
    ignored: tuple[str, ...]


def read_tokenize(data: Mapping[str, object]) -> TokenizeRequest:
    """The request that `data` makes.

    Raises:
        BadRequest: a field is missing, wrong or not served.
    """
    values = load(_TOKENIZE, data)
    conversation: Conversation | None = values.get("messages")
    prompt: str = values.get("prompt", "")
    if ("prompt" in values) == ("messages" in values):
        raise field_error("prompt", "is required, or messages; not both")
    if conversation is None and not prompt:
        raise field_error("prompt", "must not be empty")
    if conversation is None and values.get("continue_final_message"):
        raise field_error("continue_final_message", "is only for messages")
    special: bool | None = values.get("add_special_tokens")
    if conversation is not None and special:
        raise field_error(
            "add_special_tokens", "is for a prompt: a chat's tokens are its template's"
        )
    return TokenizeRequest(
        source=_chat_input(values, conversation) or prompt,
        template=values.get("prompt_template"),
        bare=conversation is None and special is False,
        count_only=bool(values.get("count_only")),
        model=values.get("model"),
        ignored=ignored_fields(_TOKENIZE, data),
    )


def _chat_input(values: Mapping[str, Any], conversation: Conversation | None) -> ChatInput | None:
    template = read_template_fields(values, conversation)
    tools: tuple[Tool, ...] = values.get("tools", ())
    if conversation is None:
        if tools:
            raise field_error("tools", "is only for messages")
        return None
    if tools and conversation.classic:
        raise field_error("tools", "needs messages with content, not message")
    return ChatInput(
        conversation,
        read_continue_final_message(values, conversation),
        template,
        tuple(tool.definition for tool in tools),
    )


def read_detokenize(data: Mapping[str, object]) -> DetokenizeRequest:
    """The request that `data` makes.

    Raises:
        BadRequest: a field is missing or wrong.
    """
    values = load(_DETOKENIZE, data)
    return DetokenizeRequest(
        values["tokens"], values.get("model"), ignored_fields(_DETOKENIZE, data)
    )
