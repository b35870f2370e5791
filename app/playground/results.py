"""Pairs of embeddings compared, for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.api.embeddings.response import floats

_SHOWN = 6


@dataclass(frozen=True, slots=True)
class EmbeddingRow:
    """One input, the beginning of its vector, and how near it is to the first input."""

    text: str
    size: int
    first_values: tuple[float, ...]
    similarity: float  #: cosine, 1 for the first itself


def compare(inputs: Sequence[str], vectors: Sequence[bytes]) -> tuple[EmbeddingRow, ...]:
    """One row for each input; vectors have length 1, so a cosine is a plain dot product."""
    numbers = [floats(vector, None) for vector in vectors]
    return tuple(
        EmbeddingRow(
            text=text,
            size=len(values),
            first_values=tuple(values[:_SHOWN]),
            similarity=sum(a * b for a, b in zip(numbers[0], values, strict=True)),
        )
        for text, values in zip(inputs, numbers, strict=True)
    )
