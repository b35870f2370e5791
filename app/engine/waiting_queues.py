"""The queues of sequences that have no slot yet. Owners take turns, and so do an owner's
requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest

from app.engine.sequence import Sequence


class WaitingQueues:
    """Owned by the engine thread."""

    def __init__(self) -> None:
        #: For each owner, in the order of their turns, one queue for each request: a request
        #: with many prompts does not block those behind it.
        self._queues: dict[str, deque[deque[Sequence]]] = {}

    def __bool__(self) -> bool:
        return bool(self._queues)

    @property
    def owners(self) -> list[str]:
        """Owners with waiting sequences; the one admitted last comes last."""
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
        """Remove a sequence, if it is here."""
        queues = self._queues.get(sequence.owner, deque())
        for queue in queues:
            if sequence in queue:
                queue.remove(sequence)
                break
        self._drop_empty(sequence.owner)

    def ready(self, owner: str, is_ready: Callable[[Sequence], bool]) -> Iterator[Sequence]:
        """The next sequence of each of the owner's requests, if it is ready, in the order of
        their turns."""
        return filter(is_ready, (queue[0] for queue in self._queues[owner]))

    def take(self, sequence: Sequence) -> None:
        """Remove a queue's first sequence; its request and its owner then come last."""
        owner = sequence.owner
        queues = self._queues.pop(owner)
        index = next(i for i, queue in enumerate(queues) if queue[0] is sequence)
        queue = queues[index]
        del queues[index]
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
