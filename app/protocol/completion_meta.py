"""What every answer has: an id, a time, the model's name, choices in pieces, a count of tokens.

Knows nothing about the routes' own shapes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import shortuuid

from app.engine.types import FinishReason, TokenLogprob


@dataclass(frozen=True, slots=True)
class CompletionMeta:
    """The same in every chunk of one answer."""

    id: str
    created: int  #: Unix seconds
    model: str
    fingerprint: str  #: of the model and this server's version

    def body(
        self, kind: str, choices: list[dict[str, object]], **usage: dict[str, object] | None
    ) -> dict[str, object]:
        """An answer or a chunk; `kind` is its `object`, `usage` may be left out."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
            **usage,
            "system_fingerprint": self.fingerprint,
        }


@dataclass(frozen=True, slots=True)
class Unscored:
    """An echoed prompt's first token, which nothing stands before to predict it."""

    token_id: int
    offset: int = 0


Token = TokenLogprob | Unscored


@dataclass(frozen=True, slots=True)
class Piece:
    """New text of one choice, and the tokens of which it is the first text."""

    index: int
    text: str
    tokens: tuple[Token, ...] = ()  #: only where logprobs are asked for
    finish_reason: FinishReason | None = None
    is_prompt: bool = False  #: the echoed prompt, rather than new text


@dataclass(frozen=True, slots=True)
class Answer:
    """One finished choice."""

    text: str
    finish_reason: FinishReason
    tokens: tuple[Token, ...] = ()
    prompt_tokens: int = 0  #: how many of `tokens` are the echoed prompt's


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request: its prompts' and its answers'."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0  #: of the prompts', those that were not computed again

    def body(self) -> dict[str, object]:
        """As the text routes report it."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens},
        }


def new_completion_meta(prefix: str, model: str, fingerprint: str) -> CompletionMeta:
    """A head with a fresh id; `prefix` is "cmpl" or "chatcmpl"."""
    return CompletionMeta(f"{prefix}-{shortuuid.uuid()}", int(time.time()), model, fingerprint)
