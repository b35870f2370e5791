"""A finished generation: its choices, and how many tokens it used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from app.engine.events import FinishReason, TokenLogprob
from app.engine.token_ids import TokenIds


@dataclass(frozen=True, slots=True)
class GeneratedCall:
    """A call of a tool, as the model wrote it."""

    name: str
    arguments: str  #: JSON text, or what there is of it
    id: str | None = None  #: an upstream's own; None: the route makes one


@dataclass(frozen=True, slots=True)
class Choice:
    """One finished answer."""

    text: str
    finish_reason: FinishReason
    logprobs: tuple[TokenLogprob, ...] = ()
    prompt_tokens: int = 0  #: how many of `logprobs` are the echoed prompt's
    reasoning: str = ""  #: the thinking before it
    tool_calls: tuple[GeneratedCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request: of its prompts, and of its choices."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0  #: prompt tokens that were found in the cache
    #: Tokens of the choices' thinking, its tags left out; None: the model does not think.
    reasoning_tokens: int | None = None


class Completion(NamedTuple):
    """All choices of one request, in order."""

    choices: tuple[Choice, ...]
    usage: Usage


class TokenizedPrompt(NamedTuple):
    """The tokens of a prompt, and the text they are made of."""

    tokens: TokenIds
    text: str
    unread_fields: tuple[str, ...] = ()  #: paths of what the chat template does not read
