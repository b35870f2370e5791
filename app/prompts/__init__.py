"""Instructions and messages to prompt text: the Alpaca template or a Jinja chat template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A tool call of the assistant."""

    name: str
    arguments: Mapping[str, object] | str  #: a string if the model wrote no valid JSON object
    id: str | None = None


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a conversation."""

    role: Role
    text: str
    has_text: bool = True  #: False: an assistant message that only calls tools
    tool_calls: tuple[FunctionCall, ...] = ()
    tool_call_id: str | None = None  #: which call a tool message answers
    name: str | None = None  #: the author's name


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered text, and how to encode it."""

    text: str
    allow_special: bool  #: texts of special tokens in it become these tokens


class ChatTemplateError(Exception):
    """The template cannot render this conversation; the message is for the client."""


class ReservedCharacterError(Exception):
    """A message contains U+E0FF, the character of `SPECIAL_TOKEN_GUARD`.

    message_index: index of the message in the conversation. in_tool_calls: whether the character
    is in the message's tool calls instead of its text.
    """

    def __init__(self, message_index: int, in_tool_calls: bool = False) -> None:
        super().__init__(f"message {message_index} contains U+E0FF")
        self.message_index = message_index
        self.in_tool_calls = in_tool_calls
