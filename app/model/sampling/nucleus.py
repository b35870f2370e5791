"""Temperature, top_k, top_p (nucleus) and min_p on the top logits of each row.

Order and meaning are transformers': temperature, then top_k (ties with the k-th stay), top_p over
what top_k leaves, min_p over what top_p leaves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.engine.request import SamplingParams


@dataclass(frozen=True, slots=True)
class TopLogits:
    """The top logits of each row in descending order, equal logits by token id."""

    logits: NDArray[np.float64]  #: [rows, size]
    ids: NDArray[np.int64]

    @staticmethod
    def of(logits: NDArray[np.float32], ids: NDArray[np.int64]) -> TopLogits:
        """Sort by logit and id, so that the order does not depend on topk's order of ties."""
        order = np.lexsort((ids, -logits), axis=-1)
        ordered = np.take_along_axis(logits, order, -1).astype(np.float64)
        return TopLogits(ordered, np.take_along_axis(ids, order, -1))

    def filter(
        self,
        row: int,
        params: SamplingParams,
        logsumexp: float | None,
        min_tokens_to_keep: int = 1,
    ) -> FilteredRow | None:
        """Apply temperature, top_k, top_p and min_p to a row.

        logsumexp: of logit / temperature over the whole vocabulary, if top_p applies to it; None
        if top_p applies to these logits only. Returns None if the nucleus has more tokens than
        this table.
        """
        logits = self.logits[row]
        top_k = max(params.top_k, min_tokens_to_keep)
        if params.top_k and top_k < len(logits):
            logits = logits[logits >= logits[top_k - 1]]
        scaled = logits / params.temperature
        weights = np.exp(scaled - scaled[0])
        total = weights.sum() if logsumexp is None else math.exp(min(logsumexp - scaled[0], 700.0))
        if params.top_p < 1:
            weight_before = np.cumsum(weights) - weights
            kept = weight_before < params.top_p * total
            if logsumexp is not None and kept[-1] and weights.sum() < params.top_p * total:
                return None
            kept[:min_tokens_to_keep] = True
            weights = weights[kept]
        if params.min_p > 0:
            kept = weights >= params.min_p * weights[0]
            kept[:min_tokens_to_keep] = True
            weights = weights[kept]
        return FilteredRow(self.ids[row][: len(weights)], scaled[: len(weights)], weights)


@dataclass(frozen=True, slots=True)
class FilteredRow:
    """The tokens of one row that may be sampled, most probable first."""

    ids: NDArray[np.int64]
    scaled: NDArray[np.float64]  #: logit / temperature
    weights: NDArray[np.float64]  #: unnormalised probabilities

    def sample(self, u: float) -> int:
        """The token at `u` in [0, 1) of the cumulative distribution (inverse transform)."""
        cumulative = np.cumsum(self.weights)
        index = int(np.searchsorted(cumulative, u * cumulative[-1], side="right"))
        return int(self.ids[min(index, len(cumulative) - 1)])
