"""What a parser finds in an answer, in the order of the text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContentText:
    """Text for the user."""

    text: str


@dataclass(frozen=True, slots=True)
class CallBegin:
    """A call of an offered tool. Calls of one answer are numbered from 0."""

    index: int
    name: str
    id: str | None = None  #: an upstream's own; None: the route makes one


@dataclass(frozen=True, slots=True)
class ArgumentsPiece:
    """A piece of the JSON text of the arguments of the call that began last."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class CallEnd:
    """All arguments of the call were sent. A call in which the answer ends has no CallEnd."""

    index: int


ToolCallEvent = ContentText | CallBegin | ArgumentsPiece | CallEnd
