"""Grammar mask, logit_bias and penalties on one row of logits, before sampling."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.engine.batch import SamplingInput


def apply_penalties(row: Tensor, sampling: SamplingInput) -> None:
    """Mask tokens that the grammar or `min_tokens` forbids, then apply bias and penalties,
    in place.

    Presence and frequency penalties as OpenAI defines them, over the output; the repetition
    penalty as in CTRL (arXiv 1909.05858), over prompt and output.
    """
    params = sampling.params
    if sampling.allowed is not None:
        _mask_forbidden(row[: len(sampling.allowed)], sampling.allowed)
    if sampling.position < sampling.min_tokens:
        _mask_end(row, sampling)
    if params.logit_bias:
        ids = torch.tensor([token for token, _ in params.logit_bias], device=row.device)
        row[ids] += torch.tensor([bias for _, bias in params.logit_bias], device=row.device)
    if sampling.counts and (params.presence_penalty or params.frequency_penalty):
        ids = torch.tensor(list(sampling.counts), device=row.device)
        counts = torch.tensor(list(sampling.counts.values()), device=row.device)
        row[ids] -= params.presence_penalty + params.frequency_penalty * counts
    if params.repetition_penalty != 1.0 and sampling.seen:
        ids = torch.tensor(list(sampling.seen), device=row.device)
        seen = row[ids]
        factor = params.repetition_penalty
        row[ids] = torch.where(seen < 0, seen * factor, seen / factor)


def _mask_forbidden(row: Tensor, allowed: NDArray[np.bool_]) -> None:
    """Mask the tokens that are not allowed. row: as long as `allowed`."""
    if row.is_cpu:  # numpy does it before torch's threads have begun
        np.putmask(row.numpy(), ~allowed, -np.inf)
    else:
        row.masked_fill_(~torch.from_numpy(allowed).to(row.device), float("-inf"))


def _mask_end(row: Tensor, sampling: SamplingInput) -> None:
    """Mask the tokens that end an answer, unless the grammar allows no others."""
    ids = torch.tensor(sampling.end_ids, dtype=torch.long, device=row.device)
    ending = row[ids]
    row[ids] = float("-inf")
    if sampling.allowed is not None and row.max() == float("-inf"):
        row[ids] = ending
