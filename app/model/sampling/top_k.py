"""Selects the top logits of each row and filters them, without sorting the whole vocabulary."""

from __future__ import annotations

import torch
from torch import Tensor

from app.engine.request import SamplingParams
from app.model.sampling.nucleus import FilteredRow, TopLogits

#: Rows with `top_k` below the first size use that many top logits, and so on. A row's size depends
#: on its own parameters only, so its result does not depend on the batch.
SIZES = (64, 1024)


def candidates_needed(params: SamplingParams, vocab: int) -> int:
    """How many top logits a row needs; 0: the whole vocabulary, unsorted."""
    if params.top_k == 0 and params.top_p >= 1:
        return 0
    if params.top_k:
        for size in SIZES:
            if params.top_k < size <= vocab:
                return size
        return vocab
    return min(SIZES[-1], vocab)


def filter_rows(
    logits: Tensor, params: list[SamplingParams], size: int, min_tokens_to_keep: int = 1
) -> list[FilteredRow]:
    """Apply temperature, top_k, top_p and min_p to the `size` top logits of each row; at least
    `min_tokens_to_keep` tokens stay.

    logits: float32 [rows, vocab].
    """
    values, ids = logits.topk(size, -1)
    table = TopLogits.of(values.cpu().numpy(), ids.cpu().numpy())
    rows = []
    for index, (row, each) in enumerate(zip(logits, params, strict=True)):
        # Without top_k, top_p applies to the whole vocabulary.
        logsumexp = None if each.top_k else float(torch.logsumexp(row / each.temperature, -1))
        filtered = table.filter(index, each, logsumexp, min_tokens_to_keep)
        if filtered is None:  # the nucleus has more tokens than `size`: rare, so sort all
            values, ids = row[None].sort(descending=True)
            everything = TopLogits.of(values.cpu().numpy(), ids.cpu().numpy())
            filtered = everything.filter(0, each, None, min_tokens_to_keep)
            assert filtered is not None
        rows.append(filtered)
    return rows
