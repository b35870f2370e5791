"""/tokenize and /detokenize on the wire.

Knows nothing about tokenizers or templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from marshmallow import Schema

from app.api.chat_completions.request import read_continued
from app.engine.types import ModelInfo, TokenIds
from app.protocol.fields import StrictBoolean, StrictString, Unsupported
from app.protocol.loading import field_error, ignored_fields, load
from app.protocol.messages import Conversation, Messages
from app.protocol.prompt_fields import Ids


class TokenizeSchema(Schema):
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
    chat_template_kwargs = Unsupported({})
    tools = Unsupported([])


class DetokenizeSchema(Schema):
    """The request's fields."""

    tokens = Ids()
    model = StrictString()


_TOKENIZE, _DETOKENIZE = TokenizeSchema(), DetokenizeSchema()


@dataclass(frozen=True, slots=True)
class TokenizeCall:
    """A valid request, for a prompt where there is no conversation."""

    prompt: str
    conversation: Conversation | None
    continued: bool
    template: str | None  #: "alpaca", "none"; None: the server's choice
    bare: bool  #: the prompt's own tokens: no BOS, and a template only where one is named
    count_only: bool  #: neither the tokens nor the text are wanted
    model: str | None
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DetokenizeCall:
    """A valid request."""

    tokens: TokenIds
    model: str | None
    ignored: tuple[str, ...]


def read_tokenize(data: Mapping[str, object]) -> TokenizeCall:
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
    return TokenizeCall(
        prompt=prompt,
        conversation=conversation,
        continued=conversation is not None and read_continued(values, conversation),
        template=values.get("prompt_template"),
        bare=conversation is None and special is False,
        count_only=bool(values.get("count_only")),
        model=values.get("model"),
        ignored=ignored_fields(_TOKENIZE, data),
    )


def read_detokenize(data: Mapping[str, object]) -> DetokenizeCall:
    """The request that `data` makes.

    Raises:
        BadRequest: a field is missing or wrong.
    """
    values = load(_DETOKENIZE, data)
    return DetokenizeCall(values["tokens"], values.get("model"), ignored_fields(_DETOKENIZE, data))


def tokenize_body(
    tokens: TokenIds, text: str, max_model_len: int, *, count_only: bool
) -> dict[str, object]:
    """The tokens, and the text they were made of; or only how many there are."""
    count: dict[str, object] = {"count": len(tokens), "max_model_len": max_model_len}
    return count if count_only else {"tokens": list(tokens), **count, "prompt": text}


def tokenizer_body(info: ModelInfo, chat_template: str | None) -> dict[str, object]:
    """What clients want to know of the tokenizer; chat_template: Jinja source."""
    return {
        "tokenizer_class": "westlake",
        "bos_token": info.bos_text or None,
        "eos_token": info.eos_text or None,
        "pad_token": None,
        "vocab_size": info.vocab_size,
        "model_max_length": info.max_model_len,
        "chat_template": chat_template,
    }


def detokenize_body(text: str) -> dict[str, object]:
    """The text of the tokens."""
    return {"prompt": text}
