"""Chooses one token per row of logits, in one pass over [rows, vocab] and no sort of it.

Knows nothing about requests. Each row's token depends on its own logits, parameters and counter
only: every torch call below gives a row the same bits whatever rows stand beside it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from app.engine.batch import Draw, Pick
from app.engine.randomness import uniform
from app.engine.types import SamplingParams, TokenIds, TokenLogprob
from app.model import candidates

#: Rows whose `top_k` is below the first size look at that many likeliest tokens, and so on.
#: A row's size depends on its own parameters alone, so its candidates do too.
SIZES = (64, 1024)


class TorchSampler:
    """Stateless but for its scratch; called by the engine thread only."""

    @torch.inference_mode()
    def pick(self, logits: Tensor, draws: list[Draw]) -> list[Pick]:
        """One pick per row; logits: float32 [rows, vocab], changed in place."""
        reported = self._logprobs(logits, draws)
        for row, draw in enumerate(draws):
            _process(logits[row], draw)
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
                sizes.setdefault(_size(draw.params, logits.shape[-1]), []).append(row)
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
        values, ids = logits.topk(size, -1)
        masses = [
            _mass(row, draw.params.temperature) if _needs_mass(draw.params) else None
            for row, draw in zip(logits, draws, strict=True)
        ]
        table = candidates.Candidates.of(values.cpu().numpy(), ids.cpu().numpy())
        tokens = []
        for row, (draw, point, mass) in enumerate(zip(draws, points, masses, strict=True)):
            token = table.choose(row, draw.params, point, mass)
            if token is None:  # the nucleus is wider than the candidates: rare, so a sort will do
                whole, order = logits[row].sort(descending=True)
                wide = candidates.Candidates.of(
                    whole[None].cpu().numpy(), order[None].cpu().numpy()
                )
                token = wide.choose(0, draw.params, point, None)
                assert token is not None
            tokens.append(token)
        return tokens

    @torch.inference_mode()
    def score(self, logits: Tensor, targets: TokenIds, alternatives: int) -> list[TokenLogprob]:
        """The model's own log-probability of one given token for each row."""
        own = torch.log_softmax(logits, -1)
        top, ids = own.topk(min(SIZES[0], own.shape[-1]), -1)
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
        top, ids = own.topk(min(SIZES[0], own.shape[-1]), -1)
        return {row: (own[at], top[at], ids[at]) for at, row in enumerate(rows)}


def _size(params: SamplingParams, vocab: int) -> int:
    """How many of the likeliest tokens a row needs to see; 0: all, by their ids."""
    if params.top_k == 0 and params.top_p >= 1:
        return 0
    if params.top_k:
        for size in SIZES:
            if params.top_k < size <= vocab:
                return size
        return vocab
    return min(SIZES[-1], vocab)


def _needs_mass(params: SamplingParams) -> bool:
    """True when top_p speaks of the whole vocabulary, not of the top_k first."""
    return params.top_k == 0


def _mass(row: Tensor, temperature: float) -> float:
    """log of the sum of exp(logit / temperature) over the vocabulary."""
    return float(torch.logsumexp(row / temperature, -1))


def _process(row: Tensor, draw: Draw) -> None:
    """Bias and penalties, in place and in the contract's order.

    Presence and frequency as OpenAI defines them, over the output; the repetition penalty as
    CTRL does (arXiv 1909.05858), over prompt and output.
    """
    params = draw.params
    if params.logit_bias:
        ids = torch.tensor([token for token, _ in params.logit_bias], device=row.device)
        row[ids] += torch.tensor([bias for _, bias in params.logit_bias], device=row.device)
    if draw.counts and (params.presence_penalty or params.frequency_penalty):
        ids = torch.tensor(list(draw.counts), device=row.device)
        counts = torch.tensor(list(draw.counts.values()), device=row.device)
        row[ids] -= params.presence_penalty + params.frequency_penalty * counts
    if params.repetition_penalty != 1.0 and draw.seen:
        ids = torch.tensor(list(draw.seen), device=row.device)
        seen = row[ids]
        factor = params.repetition_penalty
        row[ids] = torch.where(seen < 0, seen * factor, seen / factor)


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
