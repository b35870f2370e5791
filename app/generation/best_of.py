"""The best of several choices for one prompt."""

from __future__ import annotations

from collections.abc import Sequence

from app.generation.results import Choice


def select_best_of(choices: Sequence[Choice], best_of: int, n: int) -> tuple[Choice, ...]:
    """Of each `best_of` choices the `n` with the highest mean log-probability, best first; as
    they are where there is nothing to choose."""
    if best_of == n:
        return tuple(choices)
    selected: list[Choice] = []
    for start in range(0, len(choices), best_of):
        group = choices[start : start + best_of]
        selected += sorted(group, key=_mean_logprob, reverse=True)[:n]
    return tuple(selected)


def _mean_logprob(choice: Choice) -> float:
    logprobs = [
        token.logprob
        for token in choice.logprobs[choice.prompt_tokens :]
        if token.logprob is not None
    ]
    return sum(logprobs) / len(logprobs) if logprobs else float("-inf")
