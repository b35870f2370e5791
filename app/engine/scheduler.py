"""Decides what the next step computes (continuous batching with chunked prefill).

Every running answer gets one token in every step. Prompts are computed in the same steps, in
chunks, within a budget of tokens. Owners (API keys) take turns, so that many requests of one of
them delay the others little.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.engine.admission import AdmissionPolicy
from app.engine.batch import Batch, OutputKind, PrefillChunk
from app.engine.cache_slots import SlotPool
from app.engine.fairness import DominantShares, without_siblings
from app.engine.plan import Plan
from app.engine.prefill_budget import PrefillBudget
from app.engine.prefill_chunking import PrefillChunking, decode_row
from app.engine.prefill_order import PrefillOrder
from app.engine.running_sequences import RunningSequences
from app.engine.sequence import Sequence
from app.engine.step_time import UNTIMED, StepLoad, StepTimeModel
from app.engine.waiting_queues import WaitingQueues


class Scheduler:
    """Owned by the engine thread."""

    def __init__(
        self,
        slots: int,
        kv_cache_tokens: int,
        chunking: PrefillChunking,
        prefix_reuse: bool = True,
        step_times: StepTimeModel = UNTIMED,
    ) -> None:
        """slots: how many sequences may run; kv_cache_tokens: cache for all of them together."""
        self._chunking = chunking
        self._budget = PrefillBudget(step_times, chunking)
        self._slots = SlotPool(slots, chunking, prefix_reuse)
        self._running = RunningSequences(self._slots)
        self._shares = DominantShares(slots, kv_cache_tokens)
        self._waiting = WaitingQueues()
        self.admission = AdmissionPolicy(self._slots, self._shares, self._waiting, kv_cache_tokens)
        self._order = PrefillOrder()
        self.preemptions = 0

    @property
    def running(self) -> list[Sequence]:
        """The sequences that have slots, in the order of their admission."""
        return self._running.sequences

    @property
    def busy(self) -> bool:
        """True when there is something to compute, to admit or to clean up."""
        return bool(self.running or self._waiting or self._running.cache_ops)

    @property
    def kv_usage_ratio(self) -> float:
        """Part of the cache that running sequences use, 0 to 1."""
        return self._running.used_tokens / self.admission.kv_cache_tokens

    @property
    def prefix_tokens(self) -> tuple[int, int]:
        """Prompt tokens that were looked up in the prefix cache, and those that were found."""
        return self._running.queried_tokens, self._running.reused_tokens

    def add(self, sequences: Iterable[Sequence]) -> None:
        """Queue one request's sequences."""
        sequences = list(sequences)
        for sequence in sequences[:1]:
            self._enter(sequence.owner)
        for sequence in sequences:
            self._running.estimate_reuse(sequence)
        self._waiting.add(sequences)

    def _enter(self, owner: str) -> None:
        """Note that an owner has a prompt to compute, before it is queued."""
        prefilling = {each.owner for each in self.running if each.is_prefilling}
        self._order.enter(owner, prefilling.union(self._waiting.owners))

    def waiting(self) -> list[Sequence]:
        """The next sequence of each waiting request, roughly in the order of admission."""
        return self._waiting.order()

    def remove(self, sequence: Sequence, keep: bool = True) -> None:
        """Remove a sequence, or the whole beam search that it leads. keep: its cache is correct,
        so that other prompts may reuse it."""
        if sequence.slot < 0:
            self._waiting.remove(sequence)
        else:
            self._running.stop(sequence, keep)

    def replace_beams(self, before: list[Sequence], after: list[Sequence]) -> None:
        """Run a beam search's new members instead of those before."""
        self._running.replace_beams(before, after)

    def preempt_for_cache_space(self) -> int:
        """Evict idle prefixes, then preempt the youngest sequence of the owner with the largest
        share, until the next tokens fit the cache. Returns the number of preemptions."""
        preempted = 0
        while True:
            left = self.admission.kv_cache_tokens - self._running.used_tokens - len(self.running)
            self._slots.evict_idle(max(0, left), self._running.cache_ops)
            victim = self._youngest_of_largest() if left < 0 else None
            if victim is None:
                self.preemptions += preempted
                return preempted
            self.preempt(victim)
            preempted += 1

    def _youngest_of_largest(self) -> Sequence | None:
        """The sequence to preempt, or a beam search if its owner has nothing else; None if there
        is only one."""
        running = without_siblings(self.running)
        owners = self._shares.of_owners(running) if len(running) > 1 else ()
        for owner in owners:
            theirs = [each for each in reversed(running) if each.owner == owner]
            if theirs := [each for each in theirs if each.is_preemptible]:
                return min(theirs, key=lambda each: each.beam_group is not None)
        return None

    def preempt(self, sequence: Sequence, keep: bool = True) -> None:
        """Put a running sequence, or the beam search that it belongs to, back at the head of the
        queue. It is computed again, to the same bits."""
        if group := sequence.beam_group:
            sequence = group.lead
        self.remove(sequence, keep)
        if group:
            group.restart()
        sequence.num_computed_tokens, sequence.pooled = 0, None
        if self._chunking.row_invariant:
            sequence.replayed_tokens = sequence.num_generated_tokens
        self._running.estimate_reuse(sequence)
        self._enter(sequence.owner)
        self._waiting.add_first(sequence)

    def probe(self) -> Batch | None:
        """A batch of one token in a free slot; None while all slots are in use."""
        if not self._slots.available:
            return None
        slot = self._slots.allocate_empty(self._running.cache_ops)
        self._slots.free_empty(slot, self._running.cache_ops)
        return Batch((), (PrefillChunk(slot, 0, (0,), OutputKind.NONE),))

    def plan(self) -> Plan:
        """The next step. Empty only when there is nothing to compute."""
        self._preempt_for_waiting()
        decoding = [sequence for sequence in self.running if not sequence.is_prefilling]
        decoding.sort(key=lambda sequence: sequence.slot)  # attention reads neighbours together
        positions = sum(sequence.num_computed_tokens + 1 for sequence in decoding)
        prefilled = self._schedule_prefill(StepLoad(len(decoding), positions, positions))
        chunks = tuple(chunk for _, chunk in prefilled)
        batch = Batch(tuple(map(decode_row, decoding)), chunks)
        prefilling = tuple(sequence for sequence, _ in prefilled)
        ops = self._running.take_cache_ops()
        return Plan(batch, tuple(decoding), prefilling, ops, self._budget.load)

    def _schedule_prefill(self, load: StepLoad) -> list[tuple[Sequence, PrefillChunk]]:
        """The prefill chunks of a step. load: of its decode rows."""
        scheduled: list[tuple[Sequence, PrefillChunk]] = []
        self._budget.start_step(load)
        self._order.start_step()
        started = [sequence for sequence in self.running if sequence.is_prefilling]
        waiting = self.admission.admissible(self.running)
        while not self._budget.exhausted and (waiting or started):
            sequence = self._order.next((*started, *waiting))
            if sequence in started:
                started.remove(sequence)
            else:
                self._start(sequence)
                waiting = self.admission.admissible(self.running)
            tokens = self._budget.take(sequence, is_first=not scheduled)
            if not tokens:
                break
            chunks = self._chunking.chunks(sequence, tokens)
            scheduled += [(sequence, chunk) for chunk in chunks]
            self._order.count(sequence.owner, tokens)
        return scheduled

    def _preempt_for_waiting(self) -> None:
        """Preempt the youngest sequences of owners with large shares, for owners that have no
        running sequence, and for the owner with the smallest share."""
        owners = {each.owner for each in self.running}
        for index, sequence in enumerate(self.admission.next_sequences(self.running)):
            if index and sequence.owner in owners:
                return
            if victims := self.admission.victims_for(sequence, self.running):
                for victim in victims:
                    self.preempt(victim)
                self.preemptions += len(victims)
                self._start(sequence)

    def _start(self, sequence: Sequence) -> None:
        self._waiting.take(sequence)
        self._running.start(sequence)
