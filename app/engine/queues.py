"""Who comes next: owners take turns, and so do the requests of one owner.

Knows nothing about slots, the cache or what a step computes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Set
from itertools import zip_longest

from app.engine.sequence import Sequence

#: Prompt tokens by which an owner that had nothing to read may be ahead of those that had: so
#: many of its prompt are read before others go on with theirs.
HEAD_START = 1024


class WaitingQueues:
    """Sequences that hold no slot yet. Owned by the engine thread."""

    def __init__(self) -> None:
        #: Of each owner, in the order of their turns, one queue for each request: a request
        #: with many prompts does not hold up those behind it.
        self._queues: dict[str, deque[deque[Sequence]]] = {}

    def __bool__(self) -> bool:
        return bool(self._queues)

    @property
    def owners(self) -> list[str]:
        """Whoever waits; the one that was admitted last comes last."""
        return list(self._queues)

    def add(self, sequences: Iterable[Sequence]) -> None:
        """Queue one request's sequences."""
        queue = deque(sequences)
        if queue:
            self._queues.setdefault(queue[0].owner, deque()).append(queue)

    def add_first(self, sequence: Sequence) -> None:
        """Queue a sequence before all others of its owner."""
        self._queues.setdefault(sequence.owner, deque()).appendleft(deque((sequence,)))

    def remove(self, sequence: Sequence) -> None:
        """Forget a sequence; harmless when it is not here."""
        queues = self._queues.get(sequence.owner, deque())
        for queue in queues:
            if sequence in queue:
                queue.remove(sequence)
                break
        self._drop_empty(sequence.owner)

    def first(self, owner: str, ready: Callable[[Sequence], bool]) -> Sequence | None:
        """The sequence of an owner whose turn it is, of those that are ready."""
        return next((queue[0] for queue in self._queues[owner] if ready(queue[0])), None)

    def take(self, sequence: Sequence) -> None:
        """Its turn has come: now other requests of its owner are first, and other owners."""
        owner = sequence.owner
        queues = self._queues.pop(owner)
        number = next(at for at, queue in enumerate(queues) if queue[0] is sequence)
        queue = queues[number]
        del queues[number]
        queue.popleft()
        queues.append(queue)
        self._queues[owner] = queues
        self._drop_empty(owner)

    def order(self) -> list[Sequence]:
        """The next sequence of each request, roughly in the order of admission."""
        columns = ([queue[0] for queue in queues] for queues in self._queues.values())
        rounds = zip_longest(*columns)
        return [sequence for each in rounds for sequence in each if sequence is not None]

    def _drop_empty(self, owner: str) -> None:
        left = deque(queue for queue in self._queues.get(owner, ()) if queue)
        if left:
            self._queues[owner] = left
        else:
            self._queues.pop(owner, None)


class PrefillTokenCounter:
    """Whose prompt is read next: that of the owner of whom least was read. Owned by the engine
    thread."""

    def __init__(self) -> None:
        self._read: dict[str, int] = {}  #: prompt tokens of each owner, as far as they count

    def enter(self, owner: str, others: Set[str]) -> None:
        """An owner that had no prompt to be read has one now. It may be a little ahead of the
        `others` who have, and owes them nothing from before."""
        if not others:
            self._read = {owner: 0}
            return
        least = min(self._read.get(each, 0) for each in others)
        ahead = least - HEAD_START
        self._read[owner] = min(max(self._read.get(owner, ahead), ahead), least)

    def count(self, owner: str, tokens: int) -> None:
        """So many tokens of an owner's prompts are read."""
        self._read[owner] = self._read.get(owner, 0) + tokens

    def next(self, owners: Iterable[str]) -> str:
        """Whose turn it is; of equals, the first."""
        return min(owners, key=lambda owner: self._read.get(owner, 0))
