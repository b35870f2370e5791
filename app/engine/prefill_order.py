"""Whose prompt is computed next.

Between owners, the one with the fewest prefilled tokens. Between an owner's prompts two orders
alternate from step to step: the one with the fewest tokens left first, so that a short prompt
does not wait for a long one, and the oldest first, so that no prompt waits for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from collections.abc import Sequence as Ordered

from app.engine.prefill_counter import PrefillTokenCounter
from app.engine.sequence import Sequence


class PrefillOrder:
    """Owned by the engine thread."""

    def __init__(self) -> None:
        self._counter = PrefillTokenCounter()
        self._oldest_first: set[str] = set()  #: owners whose next step has this order
        self._served: set[str] = set()  #: owners with a prompt in the step that is planned

    def enter(self, owner: str, others: Set[str]) -> None:
        """Note that an owner has a prompt to compute, if it had none before. others: the owners
        that have one."""
        if owner not in others:
            self._counter.enter(owner, others)

    def start_step(self) -> None:
        """Begin to plan a step."""
        self._oldest_first ^= self._served
        self._served = set()

    def next(self, candidates: Ordered[Sequence]) -> Sequence:
        """The prompt to compute next. candidates: not empty, each owner's oldest first."""
        owner = self._counter.next(each.owner for each in candidates)
        self._served.add(owner)
        theirs: Iterable[Sequence] = (each for each in candidates if each.owner == owner)
        if owner in self._oldest_first:
            return next(iter(theirs))
        return min(theirs, key=lambda each: each.expected_prefill)

    def count(self, owner: str, tokens: int) -> None:
        """Count tokens computed for an owner."""
        self._counter.add(owner, tokens)
