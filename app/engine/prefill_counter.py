"""Counts the prompt tokens computed for each owner, to decide whose prompt is next.

A virtual token counter (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024),
here for prefill only: the owner with the smallest count is next.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

#: Prompt tokens by which the count of an owner that had no prompt may be below the others':
#: that many are computed for it before the others' prompts go on.
HEAD_START = 1024


class PrefillTokenCounter:
    """Owned by the engine thread."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def enter(self, owner: str, others: Set[str]) -> None:
        """Set the count of an owner that had no prompt to compute, near the smallest of the
        `others` that have: it neither catches up for idle time, nor pays for earlier prompts."""
        if not others:
            self._counts = {owner: 0}
            return
        smallest = min(self._counts.get(other, 0) for other in others)
        lowest = smallest - HEAD_START
        count = self._counts.get(owner, lowest)
        self._counts[owner] = min(max(count, lowest), smallest)

    def add(self, owner: str, tokens: int) -> None:
        """Count tokens computed for an owner."""
        self._counts[owner] = self._counts.get(owner, 0) + tokens

    def next(self, owners: Iterable[str]) -> str:
        """The owner with the smallest count; the first of equals."""
        return min(owners, key=lambda owner: self._counts.get(owner, 0))
