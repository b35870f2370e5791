"""Decides what the next step computes: who runs, who waits, whose prompt goes on.

Knows nothing about text, torch or time; integers only. All running answers advance by one token
in every step; prompts are computed beside them in tiles within a budget of tokens.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from app.engine.batch import Batch, DecodeRow, Tile, Want
from app.engine.pace import UNTIMED, Pace
from app.engine.sequence import Sequence
from app.engine.slots import CacheWork, SlotPool

#: Prompts are cut on this grid from position 0. Small, so that a tile beside decode rows
#: costs their streams little; the products of all tiles of a step are computed together.
TILE = 16
#: Prompt tokens in a step at most; beside answers that wait for their next token, as many as
#: `Pace` allows.
BUDGET_ALONE = 256
#: Answers are admitted as if they grew to this length, whatever `max_tokens` they allow.
LIKELY_GROWTH = 256


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch and whose it is; sequences stand in the order of its rows and tiles."""

    batch: Batch
    rows: tuple[Sequence, ...]
    tiles: tuple[Sequence, ...]
    cache_work: tuple[CacheWork, ...]  #: to be done first, in this order


class Scheduler:
    """Owned by the engine thread."""

    def __init__(
        self, slots: int, pool_tokens: int, prefix_reuse: bool = True, pace: Pace = UNTIMED
    ) -> None:
        """slots: how many sequences may run; pool_tokens: cache for all of them together;
        pace: how long steps take."""
        self.pool_tokens = pool_tokens
        self._pace = pace
        self.running: list[Sequence] = []  #: in the order of their admission
        self._slots = SlotPool(slots, TILE, prefix_reuse)
        #: One queue per request; they take turns, so that a request with many prompts does
        #: not hold up those behind it.
        self._waiting: deque[deque[Sequence]] = deque()
        self._work: list[CacheWork] = []  #: to be done to the cache before the next step
        self.queried_tokens = self.reused_tokens = 0  #: of prompts that could have been known

    @property
    def busy(self) -> bool:
        """True when there is anything to compute, to admit or to clean up."""
        return bool(self.running or self._waiting or self._work)

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

    def remove(self, sequence: Sequence, keep: bool = True) -> None:
        """Forget a sequence, or the whole beam search it leads. keep: what it left in the
        cache is right, and may serve other prompts."""
        if sequence.slot < 0:
            for queue in self._waiting:
                if sequence in queue:
                    queue.remove(sequence)
                    break
            self._waiting = deque(queue for queue in self._waiting if queue)
            return
        members = sequence.group.members if sequence.group else [sequence]
        leaving = set(map(id, members))
        self.running = [each for each in self.running if id(each) not in leaving]
        for member in members:
            if keep:
                self._remember(member)
            self._slots.give_back(member.slot, member.computed, keep, self._work)
        for slot in sequence.group.spare if sequence.group else ():
            self._slots.give_back(slot, sequence.prompt_length, keep, self._work)
        sequence.slot = -1

    def branch(self, before: list[Sequence], after: list[Sequence]) -> None:
        """Let a beam search's new members run in place of those before."""
        at = min(self.running.index(member) for member in before)
        gone = set(map(id, before))
        rest = [each for each in self.running if id(each) not in gone]
        self.running = rest[:at] + after + rest[at:]

    def make_room(self) -> int:
        """Forget prompts that nobody uses, then send the youngest back to the queue, until the
        next tokens fit the cache; returns how many were sent. They will be computed again, bit
        for bit."""
        sent = 0
        while True:
            left = self.pool_tokens - self.used_tokens - len(self.running)
            self._slots.shrink(max(0, left), self._work)
            victims = [sequence for sequence in self.running if sequence.group is None]
            if left >= 0 or not victims or len(self.running) == 1:
                return sent
            self.send_back(victims[-1])
            sent += 1

    def send_back(self, sequence: Sequence, keep: bool = True) -> None:
        """Back to the head of the queue: it is computed again, bit for bit. Not for beams."""
        self.remove(sequence, keep)
        sequence.computed, sequence.pooled, sequence.remembered = 0, None, False
        self._waiting.appendleft(deque((sequence,)))

    def probe(self) -> Batch | None:
        """The smallest batch there is, in a slot that nobody uses; None while all are taken."""
        if not self._slots.available:
            return None
        slot, _ = self._slots.take("", (), self._work)
        self._slots.give_back(slot, 1, False, self._work)
        return Batch((), (Tile(slot, 0, (0,), Want.NOTHING),))

    def plan(self) -> Plan:
        """The next step. Empty only when nothing is left to do."""
        rows = [sequence for sequence in self.running if not sequence.prefilling]
        rows.sort(key=lambda sequence: sequence.slot)  # attention reads neighbours together
        for sequence in rows:
            self._remember(sequence)
        budget = BUDGET_ALONE
        if rows:
            budget = self._pace.tokens_beside(len(rows), TILE, BUDGET_ALONE)
        tiles: list[tuple[Sequence, Tile]] = []
        for sequence in self.running:
            if sequence.prefilling and budget > 0:
                budget -= self._cut(sequence, budget, tiles)
        while budget > 0 and self._admit():
            budget -= self._cut(self.running[-1], budget, tiles)
        batch = Batch(tuple(_row(sequence) for sequence in rows), tuple(tile for _, tile in tiles))
        work, self._work = tuple(self._work), []
        return Plan(batch, tuple(rows), tuple(sequence for sequence, _ in tiles), work)

    def _admit(self) -> bool:
        """Give the next waiting sequence a slot, if it will probably fit."""
        for number, queue in enumerate(self._waiting):
            sequence = queue[0]
            if self._soon_shared(sequence):
                continue
            needed = self._promised() + sequence.likely_length(LIKELY_GROWTH)
            if self._slots.available < sequence.width or (
                self.running and needed > self.pool_tokens
            ):
                return False
            del self._waiting[number]
            queue.popleft()
            if queue:
                self._waiting.append(queue)
            self._place(sequence)
            return True
        return False

    def _place(self, sequence: Sequence) -> None:
        """Give a sequence its slots, and what is already known of its prompt."""
        reads_all = sequence.answer is None or sequence.scores is not None
        known = () if reads_all else sequence.tokens[: sequence.prompt_length]
        scope = sequence.ticket.cache_scope
        sequence.slot, sequence.computed = self._slots.take(scope, known, self._work)
        if sequence.choice == 0 and not sequence.placed:  # as prompts count: each once
            sequence.ticket.cached_tokens += sequence.computed
        sequence.placed = True
        self.queried_tokens += len(known)
        self.reused_tokens += sequence.computed
        if sequence.group:
            sequence.group.members = [sequence]
            spare = [self._slots.take("", (), self._work)[0] for _ in range(1, sequence.width)]
            sequence.group.spare = spare
        self.running.append(sequence)

    def _soon_shared(self, sequence: Sequence) -> bool:
        """True while another choice computes the same prompt: then it will be there to copy."""
        return sequence.prompt_length > TILE and any(
            each.prefilling
            and each.ticket is sequence.ticket
            and each.scores is None
            and each.answer is not None
            and each.tokens == sequence.tokens
            for each in self.running
        )

    def _remember(self, sequence: Sequence) -> None:
        """Let other prompts use what is computed of this one, once."""
        group = sequence.group
        if sequence.remembered or sequence.answer is None:
            return
        sequence.remembered = True
        if group is None or sequence.slot == group.lead.slot:
            computed = min(sequence.computed, sequence.prompt_length)
            scope = sequence.ticket.cache_scope
            self._slots.remember(sequence.slot, scope, sequence.tokens[:computed])

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
