"""Beam search over one prompt, as transformers' `generate` does it (length_penalty 1,
early_stopping false).

Knows nothing about the cache or torch: candidates in, branches out. Scores are sums of
log-probabilities in float32, like the reference's, so that ties fall the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class BeamCandidate:
    """One way to go on: a beam of the last step and a token."""

    score: float  #: of the beam and the token together, float32
    beam: int
    token: int


@dataclass(frozen=True, slots=True)
class FinishedBeam:
    """A complete answer."""

    score: float  #: per token
    tokens: tuple[int, ...]


class BeamSearch:
    """One prompt's beams. Owned by the engine thread.

    It begins with one beam without tokens; `advance` tells which beams the next step has.
    """

    def __init__(
        self, width: int, max_tokens: int, ends: Callable[[tuple[int, ...]], bool], end_ids: int
    ) -> None:
        """ends: tells whether an answer is complete; end_ids: how many tokens may end one."""
        self.num_beams, self._max_tokens, self._ends = width, max_tokens, ends
        #: how many candidates a step needs, so that `width` of them do not end
        self.wanted = max(2, 1 + end_ids) * width
        #: tokens of each beam that sampling's limits leave, for the same reason
        self.least = max(2, 1 + end_ids)
        self.beams: list[tuple[int, ...]] = [()]
        self.scores: list[float] = [0.0]
        self._finished: list[FinishedBeam] = []
        self._improving = True

    @property
    def best(self) -> list[FinishedBeam]:
        """Complete answers so far, best first."""
        return self._finished

    def advance(self, candidates: list[BeamCandidate]) -> list[BeamCandidate]:
        """Take a step's candidates, likeliest (or first drawn) first; returns those that are
        the next step's beams, none when the search is over."""
        length = len(self.beams[0]) + 1
        ended, open_ = [], []
        for rank, candidate in enumerate(candidates):
            tokens = (*self.beams[candidate.beam], candidate.token)
            if length == self._max_tokens or self._ends(tokens):
                if rank < self.num_beams and self._improving:
                    ended.append(FinishedBeam(_per_token(candidate.score, length), tokens))
            else:
                open_.append(candidate)
        merged = [*self._finished, *ended]
        merged.sort(key=lambda finished: -finished.score)  # stable: earlier answers first
        self._finished = merged[: self.num_beams]
        going = sorted(open_, key=lambda candidate: -candidate.score)[: self.num_beams]
        if going:
            self._improving &= self._may_improve(going[0].score, length)
        if not going or not self._improving:
            return []
        self.beams = [(*self.beams[each.beam], each.token) for each in going]
        self.scores = [each.score for each in going]
        return going

    def _may_improve(self, best_score: float, length: int) -> bool:
        if len(self._finished) < self.num_beams:
            return True
        return _per_token(best_score, length) > self._finished[-1].score


def _per_token(score: float, length: int) -> float:
    return float(np.float32(score) / np.float32(length))
