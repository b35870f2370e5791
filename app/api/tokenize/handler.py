"""Texts and conversations to the tokens a generation would read, and tokens to text.

Knows nothing about Flask; generates nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.api.tokenize.request import DetokenizeCall, TokenizeCall, read_detokenize, read_tokenize
from app.connection.request_context import RequestContext
from app.engine import Engine
from app.engine.types import TokenIds
from app.generation import ServedModel
from app.generation.rendering import instruction_renderer, render_conversation
from app.generation.submission import check_ids, encode, engine_errors_as_fields
from app.prompts import Prompt
from app.tokenizer.added_tokens import BREAK


@dataclass(frozen=True, slots=True)
class Counted:
    """A text as it is rendered, and its tokens."""

    call: TokenizeCall
    tokens: TokenIds
    text: str


@dataclass(frozen=True, slots=True)
class Joined:
    """The text of given tokens."""

    call: DetokenizeCall
    text: str


def count_tokens(
    data: Mapping[str, object], engine: Engine, served: ServedModel, caller: RequestContext
) -> Counted:
    """The tokens that the text routes would make of the same prompt or messages.

    Raises:
        RequestRefused: the request is wrong, or far too long.
        Unavailable: the model is still loading.
    """
    call = read_tokenize(data)
    served.check_model(call.model)
    prompt = _render(call, engine, served, caller)
    with engine_errors_as_fields("prompt" if call.conversation is None else "messages"):
        tokens = _encode_bare(engine, prompt) if call.bare else encode(engine, prompt)
    text = prompt.text.replace(BREAK, "") if prompt.allow_special else prompt.text
    return Counted(call, tokens, text)


def join_tokens(data: Mapping[str, object], engine: Engine, served: ServedModel) -> Joined:
    """The text of the request's tokens.

    Raises:
        RequestRefused: the request is wrong.
        Unavailable: the model is still loading.
    """
    call = read_detokenize(data)
    served.check_model(call.model)
    check_ids(call.tokens, engine.info.vocab_size, "tokens")
    return Joined(call, engine.decode(call.tokens))


def _encode_bare(engine: Engine, prompt: Prompt) -> TokenIds:
    """The text's own ids. The spelling of a control token is that token: this is how clients
    look its id up, and nothing is generated from it."""
    info = engine.info
    if prompt.text in info.special_texts:
        return (info.special_ids[info.special_texts.index(prompt.text)],)
    tokens, before = encode(engine, prompt), engine.encode("")
    return tokens[len(before) :] if tokens[: len(before)] == before else tokens


def _render(
    call: TokenizeCall, engine: Engine, served: ServedModel, caller: RequestContext
) -> Prompt:
    if call.conversation is None:
        usual = "none" if call.bare else served.prompt_template
        return instruction_renderer(call.template or usual)(call.prompt)
    return render_conversation(
        call.conversation, served, engine.info, caller, continued=call.continued
    )
