"""Decides what the next step computes: who runs, who waits, whose prompt goes on.

Knows nothing about text or torch; integers only, and how long steps take. All running answers
advance by one token in every step; prompts are computed beside them in chunks within a budget of
tokens. Owners take turns, so what one of them asks for hardly delays the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.engine.batch import Batch, OutputKind, PrefillChunk
from app.engine.batching import row_of, tiles_of
from app.engine.cache_slots import CacheOp, SlotPool
from app.engine.fairness import EXPECTED_ANSWER_TOKENS, DominantShares, expected_cache_tokens
from app.engine.queues import PrefillTokenCounter, WaitingQueues
from app.engine.sequence import Sequence
from app.engine.step_time import UNTIMED, StepTimeModel

#: Prompt tokens in a step at most; beside answers that wait for their next token, as many as
#: `StepTimeModel` allows.
MAX_PREFILL_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch and whose it is; sequences stand in the order of its rows and chunks."""

    batch: Batch
    decode_rows: tuple[Sequence, ...]
    prefill_chunks: tuple[Sequence, ...]
    cache_ops: tuple[CacheOp, ...]  #: to be done first, in this order


class Scheduler:
    """Owned by the engine thread."""

    def __init__(
        self,
        slots: int,
        kv_cache_tokens: int,
        prefill_chunk_tokens: int,
        prefix_reuse: bool = True,
        step_times: StepTimeModel = UNTIMED,
    ) -> None:
        """slots: how many sequences may run; kv_cache_tokens: cache for all of them together;
        prefill_chunk_tokens: the runner's; step_times: how long steps take."""
        self.kv_cache_tokens = kv_cache_tokens
        self._step_times, self._chunk_tokens = step_times, prefill_chunk_tokens
        self.running: list[Sequence] = []  #: in the order of their admission
        self._slots = SlotPool(slots, prefill_chunk_tokens, prefix_reuse)
        self._shares = DominantShares(slots, kv_cache_tokens)
        self._waiting = WaitingQueues()
        self._prompts = PrefillTokenCounter()
        self._work: list[CacheOp] = []  #: to be done to the cache before the next step
        self.queried_tokens = self.reused_tokens = 0  #: of prompts that could have been known
        self.preemptions = 0  #: sequences sent back so that others could run

    @property
    def busy(self) -> bool:
        """True when there is anything to compute, to admit or to clean up."""
        return bool(self.running or self._waiting or self._work)

    @property
    def used_tokens(self) -> int:
        """Tokens now in the cache."""
        return sum(sequence.num_computed_tokens for sequence in self.running)

    def add(self, sequences: Iterable[Sequence]) -> None:
        """Queue one request's sequences."""
        sequences = list(sequences)
        for sequence in sequences[:1]:
            self._ask_for_reading(sequence.owner)
        self._waiting.add(sequences)

    def _ask_for_reading(self, owner: str) -> None:
        """An owner has a prompt to be read; perhaps it had none before."""
        reading = {each.owner for each in self.running if each.is_prefilling}
        reading.update(self._waiting.owners)
        if owner not in reading:
            self._prompts.enter(owner, reading)

    def waiting(self) -> list[Sequence]:
        """The next sequence of each waiting request, roughly in the order of admission."""
        return self._waiting.order()

    def remove(self, sequence: Sequence, keep: bool = True) -> None:
        """Forget a sequence, or the whole beam search it leads. keep: what it left in the
        cache is right, and may serve other prompts."""
        if sequence.slot < 0:
            self._waiting.remove(sequence)
            return
        members = sequence.beam_group.members if sequence.beam_group else [sequence]
        leaving = set(map(id, members))
        self.running = [each for each in self.running if id(each) not in leaving]
        for member in members:
            if keep:
                self._remember(member)
            self._slots.give_back(member.slot, member.num_computed_tokens, keep, self._work)
        for slot in sequence.beam_group.spare if sequence.beam_group else ():
            self._slots.give_back(slot, sequence.prompt_length, keep, self._work)
        sequence.slot = -1

    def branch(self, before: list[Sequence], after: list[Sequence]) -> None:
        """Let a beam search's new members run in place of those before."""
        at = min(self.running.index(member) for member in before)
        gone = set(map(id, before))
        rest = [each for each in self.running if id(each) not in gone]
        self.running = rest[:at] + after + rest[at:]

    def preempt_for_cache_space(self) -> int:
        """Forget prompts that nobody uses, then send back to the queue the youngest of whoever
        holds most, until the next tokens fit the cache; returns how many were sent. They will
        be computed again, bit for bit."""
        sent = 0
        while True:
            left = self.kv_cache_tokens - self.used_tokens - len(self.running)
            self._slots.shrink(max(0, left), self._work)
            victim = self._largest_youngest() if left < 0 and len(self.running) > 1 else None
            if victim is None:
                self.preemptions += sent
                return sent
            self.preempt(victim)
            sent += 1

    def _largest_youngest(self) -> Sequence | None:
        for owner in self._shares.held(self.running):
            theirs = (each for each in reversed(self.running) if each.owner == owner)
            if victim := next((each for each in theirs if each.beam_group is None), None):
                return victim
        return None

    def preempt(self, sequence: Sequence, keep: bool = True) -> None:
        """Back to the head of the queue: it is computed again, bit for bit. Not for beams."""
        self.remove(sequence, keep)
        sequence.num_computed_tokens, sequence.pooled, sequence.prefix_registered = 0, None, False
        self._ask_for_reading(sequence.owner)
        self._waiting.add_first(sequence)

    def probe(self) -> Batch | None:
        """The smallest batch there is, in a slot that nobody uses; None while all are taken."""
        if not self._slots.available:
            return None
        slot, _ = self._slots.take("", (), self._work)
        self._slots.give_back(slot, 1, False, self._work)
        return Batch((), (PrefillChunk(slot, 0, (0,), OutputKind.NONE),))

    def plan(self) -> Plan:
        """The next step. Empty only when nothing is left to do."""
        self._make_way()
        rows = [sequence for sequence in self.running if not sequence.is_prefilling]
        rows.sort(key=lambda sequence: sequence.slot)  # attention reads neighbours together
        for sequence in rows:
            self._remember(sequence)
        budget = MAX_PREFILL_TOKENS
        if rows:
            budget = self._step_times.prefill_budget(
                len(rows), self._chunk_tokens, MAX_PREFILL_TOKENS
            )
        chunks = self._read_prompts(budget)
        batch = Batch(tuple(map(row_of, rows)), tuple(chunk for _, chunk in chunks))
        work, self._work = tuple(self._work), []
        return Plan(batch, tuple(rows), tuple(sequence for sequence, _ in chunks), work)

    def _read_prompts(self, budget: int) -> list[tuple[Sequence, PrefillChunk]]:
        """The prompt chunks of a step, and whose they are. An owner's own prompts are read in
        the order of their admission."""
        chunks: list[tuple[Sequence, PrefillChunk]] = []
        begun = [sequence for sequence in self.running if sequence.is_prefilling]
        waiting = self._admissible()
        while budget > 0 and (waiting or begun):
            owner = self._prompts.next(each.owner for each in (*waiting, *begun))
            sequence = next(each for each in (*begun, *waiting) if each.owner == owner)
            if sequence in begun:
                begun.remove(sequence)
            else:
                self._place(sequence)
                waiting = self._admissible()
            cut = tiles_of(sequence, budget, self._chunk_tokens)
            chunks += [(sequence, chunk) for chunk in cut]
            taken = sum(len(chunk.tokens) for chunk in cut)
            self._prompts.count(owner, taken)
            budget -= taken
        return chunks

    def _turns(self) -> list[Sequence]:
        """The next of each waiting owner's sequences, that of who holds least first."""
        if not self._waiting:
            return []
        held = self._shares.held(self.running)
        owners = sorted(self._waiting.owners, key=lambda owner: held.get(owner, 0.0))
        found = (self._waiting.first(owner, self._ready) for owner in owners)
        return [sequence for sequence in found if sequence is not None]

    def _admissible(self) -> list[Sequence]:
        """Those of them that would probably fit, each alone. Behind one that would not, only
        owners who hold nothing: others would always take what it waits for."""
        tokens, holders = expected_cache_tokens(self.running), {each.owner for each in self.running}
        found, blocked = [], False
        for sequence in self._turns():
            if not self._fits(sequence, tokens):
                blocked = True
            elif not (blocked and sequence.owner in holders):
                found.append(sequence)
        return found

    def _ready(self, sequence: Sequence) -> bool:
        return not (
            self._soon_shared(sequence) or self._shares.too_many_beams(sequence, self.running)
        )

    def _fits(self, sequence: Sequence, tokens: int, leaving: int = 0) -> bool:
        """Whether there is a slot and probably enough cache. tokens: what those need that go on
        running; leaving: how many of those that run now do not."""
        if self._slots.available + leaving < sequence.num_slots:
            return False
        needed = tokens + sequence.expected_tokens(EXPECTED_ANSWER_TOKENS)
        return len(self.running) == leaving or needed <= self.kv_cache_tokens

    def _make_way(self) -> None:
        """Admit owners who hold nothing, and whoever holds least, in place of the youngest
        sequences of those who hold more."""
        holders = {each.owner for each in self.running}
        for number, sequence in enumerate(self._turns()):
            if number and sequence.owner in holders:
                return
            if victims := self._victims_for(sequence):
                for victim in victims:
                    self.preempt(victim)
                self.preemptions += len(victims)
                self._place(sequence)

    def _victims_for(self, sequence: Sequence) -> list[Sequence]:
        """Who has to leave so that it fits, the youngest first; nobody if it fits already, or
        would not even then."""
        staying, victims = list(self.running), list[Sequence]()
        while not self._fits(sequence, expected_cache_tokens(staying), len(victims)):
            victim = self._shares.victim(sequence, staying)
            if victim is None:
                return []
            staying.remove(victim)
            victims.append(victim)
        return victims

    def _place(self, sequence: Sequence) -> None:
        """Give a waiting sequence its slots, and what is already known of its prompt."""
        self._waiting.take(sequence)
        reads_all = sequence.detokenizer is None or sequence.prompt_logprobs is not None
        known = () if reads_all else sequence.tokens[: sequence.prompt_length]
        scope = sequence.owner
        sequence.slot, sequence.num_computed_tokens = self._slots.take(scope, known, self._work)
        if sequence.choice == 0 and not sequence.was_scheduled:  # as prompts count: each once
            sequence.handle.cached_tokens += sequence.num_computed_tokens
        sequence.was_scheduled = True
        self.queried_tokens += len(known)
        self.reused_tokens += sequence.num_computed_tokens
        if sequence.beam_group:
            sequence.beam_group.members = [sequence]
            spare = [self._slots.take("", (), self._work)[0] for _ in range(1, sequence.num_slots)]
            sequence.beam_group.spare = spare
        self.running.append(sequence)

    def _soon_shared(self, sequence: Sequence) -> bool:
        """True while another choice computes the same prompt: then it will be there to copy."""
        return sequence.prompt_length > self._chunk_tokens and any(
            each.is_prefilling
            and each.handle is sequence.handle
            and each.prompt_logprobs is None
            and each.detokenizer is not None
            and each.tokens == sequence.tokens
            for each in self.running
        )

    def _remember(self, sequence: Sequence) -> None:
        """Let other prompts use what is computed of this one, once."""
        group = sequence.beam_group
        if sequence.prefix_registered or sequence.detokenizer is None:
            return
        sequence.prefix_registered = True
        if group is None or sequence.slot == group.lead.slot:
            computed = min(sequence.num_computed_tokens, sequence.prompt_length)
            scope = sequence.owner
            self._slots.remember(sequence.slot, scope, sequence.tokens[:computed])
