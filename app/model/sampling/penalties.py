"""Grammar mask, logit_bias and penalties on one row of logits, before sampling."""

from __future__ import annotations

import torch
from torch import Tensor

from app.engine.batch import SamplingInput


def apply_penalties(row: Tensor, sampling: SamplingInput) -> None:
    """Mask tokens that the grammar forbids, then apply bias and penalties, in place.

    Presence and frequency penalties as OpenAI defines them, over the output; the repetition
    penalty as in CTRL (arXiv 1909.05858), over prompt and output.
    """
    params = sampling.params
    if sampling.allowed is not None:
        allowed = torch.from_numpy(sampling.allowed).to(row.device)
        row[: len(allowed)].masked_fill_(~allowed, float("-inf"))
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
