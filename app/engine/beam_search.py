"""Beam search over one prompt, as transformers' `generate` does it (length_penalty 1,
early_stopping false).

Scores are sums of log-probabilities in float32, as in transformers, so that ties break the same
way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class BeamCandidate:
    """One possible continuation: a beam of the last step and a token."""

    score: float  #: of the beam with the token, float32
    beam: int
    token: int


@dataclass(frozen=True, slots=True)
class FinishedBeam:
    """A complete answer."""

    score: float  #: per token
    tokens: tuple[int, ...]


class BeamSearch:
    """One prompt's beams. Owned by the engine thread.

    It starts with one beam without tokens; `advance` returns the beams of the next step.
    """

    def __init__(
        self,
        num_beams: int,
        max_tokens: int,
        is_finished: Callable[[tuple[int, ...]], bool],
        num_eos_ids: int,
    ) -> None:
        """is_finished: whether an answer ends with its last token; num_eos_ids: how many tokens
        can end one."""
        self.num_beams, self._max_tokens, self._is_finished = num_beams, max_tokens, is_finished
        #: Candidates of each beam: enough that one is left when all end-of-sequence tokens end.
        self.min_tokens_to_keep = max(2, 1 + num_eos_ids)
        #: Candidates of a step: enough that `num_beams` of them do not end.
        self.num_candidates = self.min_tokens_to_keep * num_beams
        self.restart()

    def restart(self) -> None:
        """Begin again, with one beam without tokens."""
        self.beams: list[tuple[int, ...]] = [()]
        self.scores: list[float] = [0.0]
        self._finished: list[FinishedBeam] = []
        self._can_improve = True

    @property
    def finished(self) -> list[FinishedBeam]:
        """Complete answers so far, best first."""
        return self._finished

    def advance(self, candidates: list[BeamCandidate]) -> list[BeamCandidate]:
        """Take a step's candidates, best (or first drawn) first. Returns those that become the
        next step's beams; [] when the search is over."""
        length = len(self.beams[0]) + 1
        newly_finished, unfinished = [], []
        for rank, candidate in enumerate(candidates):
            tokens = (*self.beams[candidate.beam], candidate.token)
            if length == self._max_tokens or self._is_finished(tokens):
                if rank < self.num_beams and self._can_improve:
                    newly_finished.append(FinishedBeam(_per_token(candidate.score, length), tokens))
            else:
                unfinished.append(candidate)
        finished = [*self._finished, *newly_finished]
        finished.sort(key=lambda beam: -beam.score)  # stable: earlier answers first
        self._finished = finished[: self.num_beams]
        survivors = sorted(unfinished, key=lambda candidate: -candidate.score)[: self.num_beams]
        if survivors:
            self._can_improve &= self._beats_finished(survivors[0].score, length)
        if not survivors or not self._can_improve:
            return []
        self.beams = [(*self.beams[each.beam], each.token) for each in survivors]
        self.scores = [each.score for each in survivors]
        return survivors

    def _beats_finished(self, best_score: float, length: int) -> bool:
        """Whether the best open beam is better than the worst finished one."""
        if len(self._finished) < self.num_beams:
            return True
        return _per_token(best_score, length) > self._finished[-1].score


def _per_token(score: float, length: int) -> float:
    return float(np.float32(score) / np.float32(length))
