"""Chooses one token per row of logits, in one pass over [rows, vocab] and no sort of it.

Knows nothing about requests. Each row's token depends on its own logits, parameters and counter
only: every torch call below gives a row the same bits whatever rows stand beside it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from app.engine.batch import Draw, Pick
from app.engine.beam_search import Candidate
from app.engine.counter_rng import uniform
from app.engine.types import TokenIds, TokenLogprob
from app.model.out_of_memory import raises_memory_error
from app.model.sampling.beam_candidates import beam_candidates
from app.model.sampling.penalties import process
from app.model.sampling.top_k import candidates_needed, filter_rows

#: How many likeliest tokens are looked at for reported alternatives.
MAX_TOP_LOGPROBS = 64


class TorchSampler:
    """Stateless but for its scratch; called by the engine thread only."""

    @raises_memory_error
    @torch.inference_mode()
    def pick(self, logits: Tensor, draws: list[Draw]) -> list[Pick]:
        """One pick per row; logits: float32 [rows, vocab], changed in place."""
        reported = self._logprobs(logits, draws)
        for row, draw in enumerate(draws):
            process(logits[row], draw)
        chosen = self._choose(logits, draws)
        return [
            Pick(token, _report(*reported[row], token, draw.params.logprobs or 0))
            if row in reported and token >= 0
            else Pick(token)
            for row, (token, draw) in enumerate(zip(chosen, draws, strict=True))
        ]

    def _choose(self, logits: Tensor, draws: list[Draw]) -> list[int]:
        best, ids = logits.max(-1)
        chosen = ids.tolist()
        sizes: dict[int, list[int]] = {}
        for row, (value, draw) in enumerate(zip(best.tolist(), draws, strict=True)):
            if not math.isfinite(value):
                chosen[row] = -1
            elif not draw.params.greedy:
                sizes.setdefault(candidates_needed(draw.params, logits.shape[-1]), []).append(row)
        for size, rows in sizes.items():
            own = logits if len(rows) == len(draws) else logits[torch.tensor(rows)]
            wanted = [draws[row] for row in rows]
            for row, token in zip(rows, self._sample(own, wanted, size), strict=True):
                chosen[row] = token
        return chosen

    def _sample(self, logits: Tensor, draws: list[Draw], size: int) -> list[int]:
        """Tokens of rows that all look at their `size` likeliest; 0: at the whole vocabulary."""
        points = [uniform(draw.seed, draw.choice, draw.position) for draw in draws]
        if size == 0:
            return _from_all(logits, draws, points)
        kept = filter_rows(logits, [draw.params for draw in draws], size)
        return [row.at(point) for row, point in zip(kept, points, strict=True)]

    @raises_memory_error
    @torch.inference_mode()
    def extend(
        self, logits: Tensor, draws: list[Draw], scores: list[float], count: int, least: int
    ) -> list[Candidate]:
        """Continuations of one prompt's beams, by beam search or beam sampling."""
        return beam_candidates(logits, draws, scores, count, least)

    @raises_memory_error
    @torch.inference_mode()
    def score(self, logits: Tensor, targets: TokenIds, alternatives: int) -> list[TokenLogprob]:
        """The model's own log-probability of one given token for each row."""
        own = torch.log_softmax(logits, -1)
        top, ids = own.topk(min(MAX_TOP_LOGPROBS, own.shape[-1]), -1)
        return [
            _report(own[row], top[row], ids[row], token, alternatives)
            for row, token in enumerate(targets)
        ]

    def _logprobs(
        self, logits: Tensor, draws: list[Draw]
    ) -> dict[int, tuple[Tensor, Tensor, Tensor]]:
        """For rows that report: the model's own log-probabilities, and the top ones of them."""
        rows = [row for row, draw in enumerate(draws) if draw.params.logprobs is not None]
        if not rows:
            return {}
        own = torch.log_softmax(logits[torch.tensor(rows)], -1)
        top, ids = own.topk(min(MAX_TOP_LOGPROBS, own.shape[-1]), -1)
        return {row: (own[at], top[at], ids[at]) for at, row in enumerate(rows)}


def _from_all(logits: Tensor, draws: list[Draw], points: list[float]) -> list[int]:
    """Inverse of the cumulative distribution over the vocabulary in the order of ids."""
    temperatures = torch.tensor([draw.params.temperature for draw in draws], device=logits.device)
    chances = torch.softmax(logits / temperatures[:, None], -1)
    floors = torch.tensor([draw.params.min_p for draw in draws], device=logits.device)
    if floors.any():
        floor = chances.amax(-1, keepdim=True) * floors[:, None]
        chances = torch.where(chances < floor, 0.0, chances)
    sums = chances.double().cumsum(-1)
    wanted = torch.tensor(points, dtype=torch.double, device=logits.device)[:, None] * sums[:, -1:]
    found = torch.searchsorted(sums, wanted, right=True)
    return found.clamp_(max=logits.shape[-1] - 1)[:, 0].tolist()


def _report(own: Tensor, top: Tensor, ids: Tensor, token: int, count: int) -> TokenLogprob:
    pairs = zip(top.tolist(), ids.tolist(), strict=True)
    ordered = sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:count]
    return TokenLogprob(token, float(own[token]), tuple((i, value) for value, i in ordered))
