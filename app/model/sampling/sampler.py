"""Samples one token per row of logits.

A row's token depends only on its logits, parameters and counter: every torch call below gives a row
the same bits in any batch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from app.engine.batch import SampledToken, SamplingInput
from app.engine.beam_search import BeamCandidate
from app.engine.counter_rng import uniform
from app.engine.events import TokenLogprob
from app.engine.token_ids import TokenIds
from app.model.out_of_memory import raises_memory_error
from app.model.sampling.beam_candidates import beam_candidates
from app.model.sampling.penalties import apply_penalties
from app.model.sampling.top_k import candidates_needed, filter_rows

#: Most alternatives reported as top_logprobs.
MAX_TOP_LOGPROBS = 64


class TorchSampler:
    """Stateless; called by the engine thread only."""

    @raises_memory_error
    @torch.inference_mode()
    def sample(self, logits: Tensor, inputs: list[SamplingInput]) -> list[SampledToken]:
        """One pick per row; logits: float32 [rows, vocab], changed in place."""
        reported = self._logprobs(logits, inputs)
        for row, sampling in enumerate(inputs):
            apply_penalties(logits[row], sampling)
        chosen = self._sample_tokens(logits, inputs)
        return [
            SampledToken(
                token, _token_logprob(*reported[row], token, sampling.params.logprobs or 0)
            )
            if row in reported and token >= 0
            else SampledToken(token)
            for row, (token, sampling) in enumerate(zip(chosen, inputs, strict=True))
        ]

    def _sample_tokens(self, logits: Tensor, inputs: list[SamplingInput]) -> list[int]:
        best, chosen = _largest(logits)
        sizes: dict[int, list[int]] = {}
        for row, (value, sampling) in enumerate(zip(best, inputs, strict=True)):
            if not math.isfinite(value):
                chosen[row] = -1
            elif not sampling.params.greedy:
                sizes.setdefault(candidates_needed(sampling.params, logits.shape[-1]), []).append(
                    row
                )
        for size, rows in sizes.items():
            selected = logits if len(rows) == len(inputs) else logits[torch.tensor(rows)]
            wanted = [inputs[row] for row in rows]
            for row, token in zip(rows, self._sample_rows(selected, wanted, size), strict=True):
                chosen[row] = token
        return chosen

    def _sample_rows(self, logits: Tensor, inputs: list[SamplingInput], size: int) -> list[int]:
        """Sample from the top `size` logits of each row; 0: from the whole vocabulary."""
        points = [uniform(sampling.seed, sampling.choice, sampling.position) for sampling in inputs]
        if size == 0:
            return _sample_vocabulary(logits, inputs, points)
        filtered = filter_rows(logits, [sampling.params for sampling in inputs], size)
        return [row.sample(u) for row, u in zip(filtered, points, strict=True)]

    @raises_memory_error
    @torch.inference_mode()
    def beam_step(
        self,
        logits: Tensor,
        inputs: list[SamplingInput],
        scores: list[float],
        count: int,
        min_tokens_to_keep: int,
    ) -> list[BeamCandidate]:
        """Candidates of one prompt's beams, by beam search or beam sampling."""
        return beam_candidates(logits, inputs, scores, count, min_tokens_to_keep)

    @raises_memory_error
    @torch.inference_mode()
    def logprobs_of(
        self, logits: Tensor, targets: TokenIds, alternatives: int
    ) -> list[TokenLogprob]:
        """The log-probability of one given token for each row."""
        logprobs = torch.log_softmax(logits, -1)
        top, ids = logprobs.topk(min(MAX_TOP_LOGPROBS, logprobs.shape[-1]), -1)
        return [
            _token_logprob(logprobs[row], top[row], ids[row], token, alternatives)
            for row, token in enumerate(targets)
        ]

    def _logprobs(
        self, logits: Tensor, inputs: list[SamplingInput]
    ) -> dict[int, tuple[Tensor, Tensor, Tensor]]:
        """For rows with `logprobs`: log-probabilities before bias and penalties, and the top ones
        with their ids."""
        rows = [row for row, sampling in enumerate(inputs) if sampling.params.logprobs is not None]
        if not rows:
            return {}
        logprobs = torch.log_softmax(logits[torch.tensor(rows)], -1)
        top, ids = logprobs.topk(min(MAX_TOP_LOGPROBS, logprobs.shape[-1]), -1)
        return {row: (logprobs[i], top[i], ids[i]) for i, row in enumerate(rows)}


def _largest(logits: Tensor) -> tuple[list[float], list[int]]:
    """Of each row the largest logit and its id, the lowest of equals; NaN if any is NaN."""
    if logits.is_cpu:  # a tenth of the time of torch's `max`, which is not vectorized
        array = logits.numpy()
        ids = array.argmax(-1)
        return array[range(len(ids)), ids].tolist(), ids.tolist()
    best, positions = logits.max(-1)
    return best.tolist(), positions.tolist()


def _sample_vocabulary(
    logits: Tensor, inputs: list[SamplingInput], points: list[float]
) -> list[int]:
    """Inverse transform sampling over the whole vocabulary in the order of ids."""
    temperatures = torch.tensor(
        [sampling.params.temperature for sampling in inputs], device=logits.device
    )
    probabilities = torch.softmax(logits / temperatures[:, None], -1)
    floors = torch.tensor([sampling.params.min_p for sampling in inputs], device=logits.device)
    if floors.any():
        floor = probabilities.amax(-1, keepdim=True) * floors[:, None]
        probabilities = torch.where(probabilities < floor, 0.0, probabilities)
    cumulative = probabilities.double().cumsum(-1)
    targets = (
        torch.tensor(points, dtype=torch.double, device=logits.device)[:, None] * cumulative[:, -1:]
    )
    tokens = torch.searchsorted(cumulative, targets, right=True)
    return tokens.clamp_(max=logits.shape[-1] - 1)[:, 0].tolist()


def _token_logprob(
    logprobs: Tensor, top: Tensor, ids: Tensor, token: int, count: int
) -> TokenLogprob:
    pairs = zip(top.tolist(), ids.tolist(), strict=True)
    ordered = sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:count]
    return TokenLogprob(token, float(logprobs[token]), tuple((i, value) for value, i in ordered))
