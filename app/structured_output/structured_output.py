"""What an answer must match, as the client wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StructuredOutputKind(StrEnum):
    """How the text of a StructuredOutput describes the answers."""

    JSON_SCHEMA = "json_schema"  #: a JSON schema, as JSON text
    REGEX = "regex"  #: a regular expression that the whole answer matches
    CHOICE = "choice"  #: a JSON list of strings, one of which the answer is
    GRAMMAR = "grammar"  #: a Lark grammar as llguidance reads it, or GBNF
    STRUCTURAL_TAG = "structural_tag"  #: JSON text: see `app.protocol.structural_tag`


@dataclass(frozen=True, slots=True)
class StructuredOutput:
    """What an answer must match."""

    kind: StructuredOutputKind
    text: str
