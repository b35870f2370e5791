"""The best of several answers to one prompt.

Knows nothing about how they were made.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.engine.types import TokenLogprob
from app.protocol.completion_meta import Answer


def best(answers: Sequence[Answer], best_of: int, n: int) -> tuple[Answer, ...]:
    """Of each `best_of` answers the `n` whose tokens were likeliest on average, best first;
    as they are where there is nothing to choose."""
    if best_of == n:
        return tuple(answers)
    chosen: list[Answer] = []
    for start in range(0, len(answers), best_of):
        group = answers[start : start + best_of]
        chosen += sorted(group, key=_mean_logprob, reverse=True)[:n]
    return tuple(chosen)


def _mean_logprob(answer: Answer) -> float:
    own = answer.tokens[answer.prompt_tokens :]
    logprobs = [token.logprob for token in own if isinstance(token, TokenLogprob)]
    return sum(logprobs) / len(logprobs) if logprobs else float("-inf")
