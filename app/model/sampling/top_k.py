"""Finds the tokens of each row that sampling may still choose, without sorting the vocabulary.

Knows nothing about random numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from app.engine.types import SamplingParams
from app.model.sampling.nucleus import FilteredRow, TopLogits

#: Rows whose `top_k` is below the first size look at that many likeliest tokens, and so on.
#: A row's size depends on its own parameters alone, so its candidates do too.
SIZES = (64, 1024)


def candidates_needed(params: SamplingParams, vocab: int) -> int:
    """How many of the likeliest tokens a row needs to see; 0: all, in any order."""
    if params.top_k == 0 and params.top_p >= 1:
        return 0
    if params.top_k:
        for size in SIZES:
            if params.top_k < size <= vocab:
                return size
        return vocab
    return min(SIZES[-1], vocab)


def filter_rows(
    logits: Tensor, params: list[SamplingParams], size: int, least: int = 1
) -> list[FilteredRow]:
    """What each row keeps, at least `least` tokens; all look at their `size` likeliest.

    logits: float32 [rows, vocab].
    """
    values, ids = logits.topk(size, -1)
    table = TopLogits.of(values.cpu().numpy(), ids.cpu().numpy())
    rows = []
    for number, (row, each) in enumerate(zip(logits, params, strict=True)):
        # without top_k, top_p speaks of the whole vocabulary
        mass = None if each.top_k else float(torch.logsumexp(row / each.temperature, -1))
        kept = table.keep(number, each, mass, least)
        if kept is None:  # the nucleus is wider than the candidates: rare, so a sort will do
            values, ids = row[None].sort(descending=True)
            kept = TopLogits.of(values.cpu().numpy(), ids.cpu().numpy()).keep(0, each, None, least)
            assert kept is not None
        rows.append(kept)
    return rows
