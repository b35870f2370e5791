"""A finished generation: its choices, and how many tokens it used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from app.engine.types import FinishReason, TokenLogprob


@dataclass(frozen=True, slots=True)
class Choice:
    """One finished answer."""

    text: str
    finish_reason: FinishReason
    logprobs: tuple[TokenLogprob, ...] = ()
    prompt_tokens: int = 0  #: how many of `logprobs` are the echoed prompt's


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request: of its prompts, and of its choices."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0  #: prompt tokens that were found in the cache


class Completion(NamedTuple):
    """All choices of one request, in order."""

    choices: tuple[Choice, ...]
    usage: Usage
