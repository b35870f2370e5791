"""Instructions and messages to prompt text: the Alpaca template or a Jinja chat template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Call:
    """One function that the assistant called."""

    name: str
    arguments: Mapping[str, object] | str  #: a text where the model wrote no JSON object
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: Role
    text: str
    has_text: bool = True  #: False: the assistant only called tools
    calls: tuple[Call, ...] = ()
    call_id: str | None = None  #: the call that a tool's message answers
    name: str | None = None  #: whose message it is


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered text, and how to encode it."""

    text: str
    allow_special: bool  #: spellings of control tokens in it are the template's


class TemplateRefused(Exception):
    """The template does not take this conversation; the message is for the client."""


class ReservedCharacter(Exception):
    """A turn holds U+E0FF, which marks broken-up spellings; `turn` is its number, `in_calls`
    whether it is in what the turn calls rather than in its text."""

    def __init__(self, turn: int, in_calls: bool = False) -> None:
        super().__init__(f"turn {turn} holds U+E0FF")
        self.turn = turn
        self.in_calls = in_calls
