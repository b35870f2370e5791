"""What every answer has: an id, a time, the model's name and a count of tokens.

Knows nothing about the routes' own shapes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import shortuuid

from app.engine.types import FinishReason


@dataclass(frozen=True, slots=True)
class Head:
    """The same in every chunk of one answer."""

    id: str
    created: int  #: Unix seconds
    model: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One finished choice."""

    text: str
    finish_reason: FinishReason


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request: its prompts' and its answers'."""

    prompt_tokens: int
    completion_tokens: int

    def body(self) -> dict[str, int]:
        """As the text routes report it."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }


def new_head(prefix: str, model: str) -> Head:
    """A head with a fresh id; `prefix` is "cmpl" or "chatcmpl"."""
    return Head(id=f"{prefix}-{shortuuid.uuid()}", created=int(time.time()), model=model)
