"""What the client wants answers to match, and where its request says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.protocol.aliases import aliases_of_keys
from app.protocol.loading import field_error
from app.structured_output.structured_output import StructuredOutput, StructuredOutputKind


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """What answers must match."""

    output: StructuredOutput
    path: str  #: where the request has it

    @classmethod
    def of(cls, kind: StructuredOutputKind, text: str, path: str) -> AnswerFormat:
        """See StructuredOutput."""
        return cls(StructuredOutput(kind, text), path)


#: The fields that are read as an AnswerFormat.
_NAMES = ("response_format", "structured_outputs", *aliases_of_keys("structured_outputs"))


def read_answer_format(values: Mapping[str, Any]) -> AnswerFormat | None:
    """The one that a valid request gives; None: any text.

    Raises:
        BadRequest: it gives two, or one with beam search.
    """
    given = [name for name in _NAMES if values.get(name) is not None]
    if not given:
        return None
    if len(given) > 1:
        raise field_error(given[1], f"cannot be combined with {given[0]}")
    if values.get("num_beams", 1) > 1:
        raise field_error(given[0], "is not supported with num_beams over 1")
    answer_format: AnswerFormat = values[given[0]]
    return answer_format
