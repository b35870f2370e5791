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
    #: The JSON text of the object, as the model wrote it; None: any text that spells it will do.
    arguments_text: str | None = None


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a conversation."""

    role: Role
    text: str
    has_text: bool = True  #: False: an assistant message that only calls tools
    tool_calls: tuple[FunctionCall, ...] = ()
    tool_call_id: str | None = None  #: which call a tool message answers
    name: str | None = None  #: the author's name
    reasoning_content: str | None = None  #: the assistant's thinking before the text


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered text, and how to encode it."""

    text: str
    allow_special: bool  #: texts of special tokens in it become these tokens


class ChatTemplateError(Exception):
    """The template cannot render this conversation; the message is for the client."""


class ReservedCharacterError(Exception):
    """A message or a tool contains U+E0FF, the character of `SPECIAL_TOKEN_GUARD`.

    message_index: index of the message in the conversation. key: the message's key that has the
    character; "" for its text. tool_index: index of the tool, if it is in one.
    """

    def __init__(
        self, message_index: int = 0, key: str = "", tool_index: int | None = None
    ) -> None:
        super().__init__("a message or a tool contains U+E0FF")
        self.message_index = message_index
        self.key = key
        self.tool_index = tool_index
