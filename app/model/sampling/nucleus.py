"""The last steps of sampling, on the few likeliest tokens of each row.

Knows nothing about torch or the vocabulary. transformers' order and meaning: temperature, then
top_k (ties with the k-th stay in), top_p over what top_k left, min_p over what top_p left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.engine.types import SamplingParams


@dataclass(frozen=True, slots=True)
class TopLogits:
    """Rows of candidate logits, likeliest first, equal logits by id."""

    logits: NDArray[np.float64]  #: [rows, size]
    ids: NDArray[np.int64]

    @staticmethod
    def of(logits: NDArray[np.float32], ids: NDArray[np.int64]) -> TopLogits:
        """Order candidates so that their order does not depend on how they were found."""
        order = np.lexsort((ids, -logits), axis=-1)
        ordered = np.take_along_axis(logits, order, -1).astype(np.float64)
        return TopLogits(ordered, np.take_along_axis(ids, order, -1))

    def keep(
        self, row: int, params: SamplingParams, mass: float | None, least: int = 1
    ) -> FilteredRow | None:
        """What temperature, top_k, top_p and min_p leave of a row: at least `least` tokens.

        mass: log of the sum of exp(logit / temperature) over the whole vocabulary, given when
        top_p speaks of it; None: over these candidates.
        Returns None when top_p reaches beyond the candidates.
        """
        logits = self.logits[row]
        top_k = max(params.top_k, least)
        if params.top_k and top_k < len(logits):
            logits = logits[logits >= logits[top_k - 1]]
        scaled = logits / params.temperature
        chances = np.exp(scaled - scaled[0])
        total = chances.sum() if mass is None else math.exp(min(mass - scaled[0], 700.0))
        if params.top_p < 1:
            before = np.cumsum(chances) - chances
            kept = before < params.top_p * total
            if mass is not None and kept[-1] and chances.sum() < params.top_p * total:
                return None
            kept[:least] = True
            chances = chances[kept]
        if params.min_p > 0:
            kept = chances >= params.min_p * chances[0]
            kept[:least] = True
            chances = chances[kept]
        return FilteredRow(self.ids[row][: len(chances)], scaled[: len(chances)], chances)


@dataclass(frozen=True, slots=True)
class FilteredRow:
    """One row's tokens that may be drawn, likeliest first."""

    ids: NDArray[np.int64]
    scaled: NDArray[np.float64]  #: logit / temperature
    chances: NDArray[np.float64]  #: in proportion to their probability

    def at(self, point: float) -> int:
        """The token at `point` (0 … 1) of the cumulative distribution."""
        sums = np.cumsum(self.chances)
        found = int(np.searchsorted(sums, point * sums[-1], side="right"))
        return int(self.ids[min(found, len(sums) - 1)])
