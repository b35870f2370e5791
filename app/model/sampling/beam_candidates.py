"""The best, or randomly drawn, beam_candidates of one prompt's beams.

Knows nothing about what a search makes of them. transformers' order: log-softmax first, then
the processors; beam sampling draws without replacement from what the warpers leave.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.engine.batch import Draw
from app.engine.beam_search import Candidate
from app.model.sampling.penalties import process
from app.model.sampling.top_k import candidates_needed, filter_rows

_MASK = np.uint64(0xFFFFFFFFFFFFFFFF)


def beam_candidates(
    logits: Tensor, draws: list[Draw], scores: list[float], count: int, least: int
) -> list[Candidate]:
    """At most `count` candidates of beams that have `scores` so far. least: tokens of each beam
    that top_k, top_p and min_p leave whatever they say, so that a search always branches.

    logits: float32 [beams, vocab], changed in place. Empty when they are not numbers.
    """
    own = torch.log_softmax(logits, -1)
    if own.isnan().any():
        return []
    for row, draw in enumerate(draws):
        process(own[row], draw)
    running = torch.tensor(scores, device=own.device)
    params = draws[0].params
    if params.temperature == 0 or params.top_p == 0:
        return _best(own, running, count)
    return _drawn(own, draws, running, count, least)


def _best(own: Tensor, running: Tensor, count: int) -> list[Candidate]:
    vocab = own.shape[-1]
    values, places = (own + running[:, None]).flatten().topk(min(count, own.numel()))
    return [
        Candidate(value, place // vocab, place % vocab)
        for value, place in zip(values.tolist(), places.tolist(), strict=True)
        if value != float("-inf")
    ]


def _drawn(
    own: Tensor, draws: list[Draw], running: Tensor, count: int, least: int
) -> list[Candidate]:
    """Gumbel-top-k (arXiv 1903.06059): the same law as drawing one by one without
    replacement, in the order of the draws."""
    params, vocab = draws[0].params, own.shape[-1]
    size = candidates_needed(params, vocab) or vocab
    kept = filter_rows(own, [params] * len(draws), max(size, min(least, vocab)), least)
    beams = np.concatenate([np.full(len(row.ids), number) for number, row in enumerate(kept)])
    tokens = np.concatenate([row.ids for row in kept])
    before = running.cpu().numpy()[beams]
    scores = (np.concatenate([row.scaled for row in kept]) + before).astype(np.float32)
    keys = beams.astype(np.uint64) * np.uint64(vocab) + tokens.astype(np.uint64)
    noise = -np.log(-np.log(_uniforms(draws[0], keys)))
    order = np.argsort(-(scores + noise), kind="stable")
    order = order[np.isfinite(scores[order])][:count]
    return [Candidate(float(scores[at]), int(beams[at]), int(tokens[at])) for at in order]


def _uniforms(draw: Draw, keys: NDArray[np.uint64]) -> NDArray[np.float64]:
    """One number in (0, 1) for each key: `engine.randomness` over arrays, with one more level."""
    with np.errstate(over="ignore"):
        start = np.uint64(draw.seed & int(_MASK))
        state = _mix(_mix(np.array([start])) ^ np.uint64(draw.choice))
        state = _mix(state ^ np.uint64(draw.position))
        return ((_mix(state ^ keys) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
