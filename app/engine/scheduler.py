"""Decides what the next step computes: who runs, who waits, whose prompt goes on.

Knows nothing about text, torch or time; integers only. All running answers advance by one token
in every step; prompts are computed beside them in tiles within a budget of tokens.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from app.engine.batch import Batch, DecodeRow, Tile, Want
from app.engine.sequence import Sequence

#: Prompts are cut on this grid from position 0. Small, so that a tile beside decode rows
#: costs their streams little; the products of all tiles of a step are computed together.
TILE = 32
#: Prompt tokens in a step: alone, and beside answers that wait for their next token. With 64
#: beside 8 answers a step of short prompts took 3.3 usual ones, with 32 it takes 2.5.
BUDGET_ALONE = 256
BUDGET_BESIDE = 32
#: Answers are admitted as if they grew to this length, whatever `max_tokens` they allow.
LIKELY_GROWTH = 256


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch and whose it is; sequences stand in the order of its rows and tiles."""

    batch: Batch
    rows: tuple[Sequence, ...]
    tiles: tuple[Sequence, ...]


class Scheduler:
    """Owned by the engine thread."""

    def __init__(self, slots: int, pool_tokens: int) -> None:
        """slots: how many sequences may run; pool_tokens: cache for all of them together."""
        self.pool_tokens = pool_tokens
        self.running: list[Sequence] = []  #: in the order of their admission
        self._free = list(range(slots))
        #: One queue per request; they take turns, so that a request with many prompts does
        #: not hold up those behind it.
        self._waiting: deque[deque[Sequence]] = deque()

    @property
    def busy(self) -> bool:
        """True when there is anything to compute or admit."""
        return bool(self.running or self._waiting)

    @property
    def used_tokens(self) -> int:
        """Tokens now in the cache."""
        return sum(sequence.computed for sequence in self.running)

    def add(self, sequences: Iterable[Sequence]) -> None:
        """Queue one request's sequences."""
        self._waiting.append(deque(sequences))

    def waiting(self) -> list[Sequence]:
        """The next sequence of each waiting request, in the order they will be admitted."""
        return [queue[0] for queue in self._waiting]

    def remove(self, sequence: Sequence) -> list[int]:
        """Forget a sequence, or the whole beam search it leads; returns the slots it held."""
        group = sequence.group
        slots = group.slots if group else [sequence.slot]
        if sequence.slot >= 0:
            leaving = set(map(id, group.members if group else [sequence]))
            self.running = [each for each in self.running if id(each) not in leaving]
            for slot in slots:
                heapq.heappush(self._free, slot)
            sequence.slot = -1
            return slots
        for queue in self._waiting:
            if sequence in queue:
                queue.remove(sequence)
                break
        self._waiting = deque(queue for queue in self._waiting if queue)
        return []

    def branch(self, before: list[Sequence], after: list[Sequence]) -> None:
        """Let a beam search's new members run in place of those before."""
        at = min(self.running.index(member) for member in before)
        gone = set(map(id, before))
        rest = [each for each in self.running if id(each) not in gone]
        self.running = rest[:at] + after + rest[at:]

    def make_room(self) -> list[int]:
        """Send the youngest back to the queue until the next tokens fit the cache; returns
        the slots they held. They will be computed again, bit for bit."""
        freed = []
        while self.used_tokens + len(self.running) > self.pool_tokens:
            victims = [sequence for sequence in self.running if sequence.group is None]
            if not victims or len(self.running) == 1:
                break
            victim = victims[-1]
            freed += self.remove(victim)
            victim.computed, victim.pooled = 0, None
            self._waiting.appendleft(deque((victim,)))
        return freed

    def plan(self) -> Plan:
        """The next step. Empty only when nothing is left to do."""
        rows = [sequence for sequence in self.running if not sequence.prefilling]
        rows.sort(key=lambda sequence: sequence.slot)  # attention reads neighbours together
        budget = BUDGET_BESIDE if rows else BUDGET_ALONE
        tiles: list[tuple[Sequence, Tile]] = []
        for sequence in self.running:
            if sequence.prefilling and budget > 0:
                budget -= self._cut(sequence, budget, tiles)
        while budget > 0 and self._admit():
            budget -= self._cut(self.running[-1], budget, tiles)
        batch = Batch(tuple(_row(sequence) for sequence in rows), tuple(tile for _, tile in tiles))
        return Plan(batch, tuple(rows), tuple(sequence for sequence, _ in tiles))

    def _admit(self) -> bool:
        """Give the first waiting sequence a slot, if it will probably fit."""
        if not self._waiting or len(self._free) < self._waiting[0][0].width:
            return False
        queue = self._waiting[0]
        promised = self._promised()
        if self.running and promised + queue[0].likely_length(LIKELY_GROWTH) > self.pool_tokens:
            return False
        sequence = queue.popleft()
        self._waiting.popleft()
        if queue:
            self._waiting.append(queue)
        sequence.slot = heapq.heappop(self._free)
        if sequence.group:
            sequence.group.members = [sequence]
            sequence.group.spare = [heapq.heappop(self._free) for _ in range(1, sequence.width)]
        self.running.append(sequence)
        return True

    def _promised(self) -> int:
        """Tokens of cache that those running will probably need; a beam search counts once."""
        units = {id(each.group or each): each for each in self.running}
        return sum(each.likely_length(LIKELY_GROWTH) for each in units.values())

    def _cut(self, sequence: Sequence, budget: int, tiles: list[tuple[Sequence, Tile]]) -> int:
        """Append the next tiles of a prompt, at least one; returns their tokens."""
        start, taken = sequence.computed, 0
        while start < sequence.prompt_length and taken < budget:
            end = min(start + TILE, sequence.prompt_length)
            tiles.append((sequence, _tile(sequence, start, end)))
            taken += end - start
            start = end
        return taken


def _row(sequence: Sequence) -> DecodeRow:
    position = sequence.computed
    newest = position == len(sequence.tokens) - 1
    return DecodeRow(sequence.slot, position, sequence.tokens[position], newest)


def _tile(sequence: Sequence, start: int, end: int) -> Tile:
    tokens = tuple(sequence.tokens[start:end])
    if sequence.answer is None:
        return Tile(sequence.slot, start, tokens, Want.POOL)
    # a preempted answer's first tokens are known already, and its prompt's scores were told
    new = sequence.generated == 0
    asks = new and end == sequence.prompt_length and sequence.max_tokens > 0
    targets: tuple[int, ...] = ()
    if new and sequence.scores is not None:
        targets = tuple(sequence.tokens[start + 1 : min(end + 1, sequence.prompt_length)])
    return Tile(sequence.slot, start, tokens, Want.LOGITS if asks else Want.NOTHING, targets)
