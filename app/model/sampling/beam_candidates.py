"""Candidate tokens of one prompt's beams: the best by score, or sampled without replacement.

In transformers' order: log-softmax, then the logits processors, then (beam sampling) the warpers.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.engine.batch import SamplingInput
from app.engine.beam_search import BeamCandidate
from app.model.sampling.penalties import apply_penalties
from app.model.sampling.top_k import candidates_needed, filter_rows

_MASK = np.uint64(0xFFFFFFFFFFFFFFFF)


def beam_candidates(
    logits: Tensor,
    inputs: list[SamplingInput],
    scores: list[float],
    count: int,
    min_tokens_to_keep: int,
) -> list[BeamCandidate]:
    """At most `count` candidates of beams with the given `scores`, best or first drawn first.

    logits: float32 [beams, vocab], changed in place. min_tokens_to_keep: tokens of each beam that
    top_k, top_p and min_p keep at least, so that the search can always branch. Returns an empty
    list if a logit is NaN.
    """
    logprobs = torch.log_softmax(logits, -1)
    if logprobs.isnan().any():
        return []
    for row, sampling in enumerate(inputs):
        apply_penalties(logprobs[row], sampling)
    running = torch.tensor(scores, device=logprobs.device)
    params = inputs[0].params
    if params.temperature == 0 or params.top_p == 0:
        return _top_candidates(logprobs, running, count)
    return _sampled_candidates(logprobs, inputs, running, count, min_tokens_to_keep)


def _top_candidates(logprobs: Tensor, running: Tensor, count: int) -> list[BeamCandidate]:
    vocab = logprobs.shape[-1]
    values, indices = (logprobs + running[:, None]).flatten().topk(min(count, logprobs.numel()))
    return [
        BeamCandidate(value, index // vocab, index % vocab)
        for value, index in zip(values.tolist(), indices.tolist(), strict=True)
        if value != float("-inf")
    ]


def _sampled_candidates(
    logprobs: Tensor,
    inputs: list[SamplingInput],
    running: Tensor,
    count: int,
    min_tokens_to_keep: int,
) -> list[BeamCandidate]:
    """Gumbel-top-k (arXiv 1903.06059): the same distribution as sampling one by one without
    replacement, in the order of the draws."""
    params, vocab = inputs[0].params, logprobs.shape[-1]
    size = candidates_needed(params, vocab) or vocab
    filtered = filter_rows(
        logprobs,
        [params] * len(inputs),
        max(size, min(min_tokens_to_keep, vocab)),
        min_tokens_to_keep,
    )
    beams = np.concatenate([np.full(len(row.ids), beam) for beam, row in enumerate(filtered)])
    tokens = np.concatenate([row.ids for row in filtered])
    beam_scores = running.cpu().numpy()[beams]
    scores = (np.concatenate([row.scaled for row in filtered]) + beam_scores).astype(np.float32)
    keys = beams.astype(np.uint64) * np.uint64(vocab) + tokens.astype(np.uint64)
    noise = -np.log(-np.log(_uniforms(inputs[0], keys)))
    order = np.argsort(-(scores + noise), kind="stable")
    order = order[np.isfinite(scores[order])][:count]
    return [BeamCandidate(float(scores[i]), int(beams[i]), int(tokens[i])) for i in order]


def _uniforms(sampling: SamplingInput, keys: NDArray[np.uint64]) -> NDArray[np.float64]:
    """A number in (0, 1) for each key: `engine.counter_rng` for arrays, with the key mixed in."""
    with np.errstate(over="ignore"):
        start = np.uint64(sampling.seed & int(_MASK))
        state = _mix(_mix(np.array([start])) ^ np.uint64(sampling.choice))
        state = _mix(state ^ np.uint64(sampling.position))
        return ((_mix(state ^ keys) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
