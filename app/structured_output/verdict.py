"""The result of validating a structured output."""

from __future__ import annotations

from typing import NamedTuple


class Verdict(NamedTuple):
    """Whether it can be used."""

    valid: bool
    text: str  #: the grammar to compile, or the error message for the client
    size_bytes: int  #: memory of the grammar after its first steps
    cacheable: bool  #: another validation would give the same result
