"""Which waiting sequences may start, and which running ones are preempted for them."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Ordered

from app.engine.cache_slots import SlotPool
from app.engine.fairness import EXPECTED_ANSWER_TOKENS, DominantShares, expected_cache_tokens
from app.engine.sequence import Sequence
from app.engine.waiting_queues import WaitingQueues

#: A sequence waits for a prefix only if that saves it at least so many tokens.
MIN_AWAITED_TOKENS = 16


class AdmissionPolicy:
    """Owned by the engine thread. It decides; the scheduler starts and preempts."""

    def __init__(
        self,
        slots: SlotPool,
        shares: DominantShares,
        waiting: WaitingQueues,
        kv_cache_tokens: int,
    ) -> None:
        """kv_cache_tokens: cache for all running sequences together."""
        self.kv_cache_tokens = kv_cache_tokens
        self._slots, self._shares, self._waiting = slots, shares, waiting

    def next_sequences(self, running: Ordered[Sequence]) -> list[Sequence]:
        """The next sequence of each waiting owner, by their shares, smallest first."""
        ready = (next(each, None) for each in self._ready(running))
        return [sequence for sequence in ready if sequence is not None]

    def admissible(self, running: Ordered[Sequence]) -> list[Sequence]:
        """The waiting sequences that probably fit, each on its own; an owner's oldest first.

        If an owner's oldest does not fit, none of its others is admitted, nor those of other
        owners with a running sequence: they would always take the space that it waits for.
        """
        tokens, owners = expected_cache_tokens(running), {each.owner for each in running}
        admitted, blocked = list[Sequence](), False
        for ready in self._ready(running):
            oldest = next(ready, None)
            if oldest is None:
                continue
            if not self._fits(oldest, running, tokens):
                blocked = True
            elif not (blocked and oldest.owner in owners):
                admitted.append(oldest)
                admitted += (each for each in ready if self._fits(each, running, tokens))
        return admitted

    def _ready(self, running: Ordered[Sequence]) -> Iterator[Iterator[Sequence]]:
        """Each owner's waiting sequences that are ready; the owners by their shares."""
        if not self._waiting:
            return
        shares = self._shares.of_owners(running)
        for owner in sorted(self._waiting.owners, key=lambda owner: shares.get(owner, 0.0)):
            yield self._waiting.ready(owner, lambda each: self._is_ready(each, running))

    def victims_for(self, sequence: Sequence, running: Ordered[Sequence]) -> list[Sequence]:
        """The sequences to preempt so that this one fits, youngest first; [] if it fits already,
        or if preemption cannot make it fit."""
        staying, victims = list(running), list[Sequence]()
        while not self._fits(sequence, running, expected_cache_tokens(staying), len(victims)):
            victim = self._shares.victim(sequence, staying)
            if victim is None:
                return []
            staying.remove(victim)
            victims.append(victim)
        return victims

    def _is_ready(self, sequence: Sequence, running: Ordered[Sequence]) -> bool:
        return not (
            self._awaits_prefix(sequence, running) or self._shares.too_many_beams(sequence, running)
        )

    def _awaits_prefix(self, sequence: Sequence, running: Ordered[Sequence]) -> bool:
        """True while a running sequence of the same owner computes a prefix of this one, which
        can then be copied. It never waits for another waiting one: if the running one is
        cancelled, fails or is preempted, it waits no longer."""
        if sequence.awaited_prefix is not None:
            awaited, length = sequence.awaited_prefix
            if awaited.slot >= 0 and awaited.num_computed_tokens < length:
                return True
            sequence.awaited_prefix, sequence.expected_reuse = None, length
        if not self._slots.reuses(sequence):
            return False
        for each in running:
            if each.owner == sequence.owner and each.is_prefilling and not each.is_embedding:
                length = self._slots.common_prefix(sequence, each.tokens, each.prefill_length)
                if length - each.num_computed_tokens < MIN_AWAITED_TOKENS:
                    continue
                if length - self._slots.cached_prefix(sequence, running)[1] >= MIN_AWAITED_TOKENS:
                    sequence.awaited_prefix = each, length
                    return True
        return False

    def _fits(
        self, sequence: Sequence, running: Ordered[Sequence], tokens: int, preempted: int = 0
    ) -> bool:
        """Whether there are slots and probably enough cache. tokens: what the sequences that stay
        need; preempted: how many of the running ones do not stay."""
        if self._slots.available + preempted < sequence.num_slots:
            return False
        needed = tokens + sequence.expected_tokens(EXPECTED_ANSWER_TOKENS)
        return len(running) == preempted or needed <= self.kv_cache_tokens
