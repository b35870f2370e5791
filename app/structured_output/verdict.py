"""The result of validating a schema."""

from __future__ import annotations

from typing import NamedTuple


class Verdict(NamedTuple):
    """Whether a schema can be used."""

    valid: bool
    text: str  #: the schema to compile, or the error message for the client
    size_bytes: int  #: memory of the grammar after its first steps
    cacheable: bool  #: another validation would give the same result
