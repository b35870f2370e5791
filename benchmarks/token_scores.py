"""How far one computation of a model is from another: perplexity and top-1 agreement.

Knows nothing about engines. Both were teacher-forced: each token of a text was scored after the
text's own tokens before it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenScores:
    """What a model says of a text's tokens."""

    logprobs: tuple[float, ...]  #: natural logarithms, of the tokens themselves
    top_1: tuple[int, ...]  #: the likeliest token id at the same positions

    @property
    def perplexity(self) -> float:
        """exp of the mean negative log-probability."""
        return math.exp(-statistics.fmean(self.logprobs))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A reduced precision beside full precision, on one text."""

    tokens: int
    perplexity_full: float
    perplexity: float
    loss: float  #: perplexity / perplexity_full - 1
    loss_error: float  #: the standard error of `loss`, from the tokens' differences
    top_1: float  #: share of positions with the same likeliest token, 0 to 1


def compare(full: TokenScores, reduced: TokenScores) -> Comparison:
    """Compare the scores of the same tokens.

    Raises:
        ValueError: they are not equally many.
    """
    pairs = list(zip(full.logprobs, reduced.logprobs, strict=True))
    alike = sum(a == b for a, b in zip(full.top_1, reduced.top_1, strict=True))
    differences = [a - b for a, b in pairs]
    loss = math.expm1(statistics.fmean(differences))
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    return Comparison(
        tokens=len(pairs),
        perplexity_full=full.perplexity,
        perplexity=reduced.perplexity,
        loss=loss,
        loss_error=error * (1 + loss),
        top_1=alike / len(full.top_1),
    )


@dataclass(frozen=True, slots=True)
class Summary:
    """A reduced precision on all texts."""

    mean_loss: float  #: of the texts' losses
    worst_loss: float
    top_1: float  #: of all texts' tokens together


def summary(texts: Sequence[Comparison]) -> Summary:
    """Sum up; raises statistics.StatisticsError where there is no text."""
    losses = [text.loss for text in texts]
    alike = sum(text.top_1 * text.tokens for text in texts)
    return Summary(
        statistics.fmean(losses), max(losses), alike / sum(text.tokens for text in texts)
    )
