"""The sequences that have cache slots, in the order of their admission."""

from __future__ import annotations

from app.engine.cache_slots import CacheOp, SlotPool
from app.engine.sequence import Sequence


class RunningSequences:
    """Owned by the engine thread. Gives slots to sequences and frees them."""

    def __init__(self, slots: SlotPool) -> None:
        self._slots = slots
        self.sequences: list[Sequence] = []
        self.cache_ops: list[CacheOp] = []  #: to be done before the next step
        self.queried_tokens = 0  #: prompt tokens that were looked up in the prefix cache
        self.reused_tokens = 0  #: of them, those that were found

    @property
    def used_tokens(self) -> int:
        """Tokens that they have in the cache."""
        return sum(sequence.num_computed_tokens for sequence in self.sequences)

    def take_cache_ops(self) -> tuple[CacheOp, ...]:
        """What is to be done before the next step; it is forgotten here."""
        ops, self.cache_ops = tuple(self.cache_ops), []
        return ops

    def estimate_reuse(self, sequence: Sequence) -> None:
        """Set how much of a sequence that begins to wait is in the cache."""
        _, sequence.expected_reuse = self._slots.cached_prefix(sequence, self.sequences)

    def start(self, sequence: Sequence) -> None:
        """Give a sequence its slots, and the part of its prompt that is cached."""
        slot, cached = self._slots.allocate(sequence, self.sequences, self.cache_ops)
        sequence.slot, sequence.num_computed_tokens, sequence.expected_reuse = slot, cached, 0
        if not sequence.computes_whole_prompt:
            self.queried_tokens += sequence.prompt_length
        cached = min(cached, sequence.prompt_length)
        self.reused_tokens += cached
        if sequence.sampling.choice == 0 and not sequence.was_scheduled:  # each prompt counts once
            sequence.handle.cached_tokens += cached
        sequence.was_scheduled = True
        if group := sequence.beam_group:
            group.members = [sequence]
            spare = range(1, sequence.num_slots)
            group.spare_slots = [self._slots.allocate_empty(self.cache_ops) for _ in spare]
        self.sequences.append(sequence)

    def stop(self, sequence: Sequence, keep: bool) -> None:
        """Free the slots of a sequence, or of the whole beam search that it leads. keep: its
        cache is correct, so that other prompts may reuse it."""
        group = sequence.beam_group
        members = group.members if group else [sequence]
        leaving = set(map(id, members))
        self.sequences = [each for each in self.sequences if id(each) not in leaving]
        for index, member in enumerate(members):
            keep_this = keep and index == 0  # of a beam search only the best beam
            self._slots.free(member, keep_this, self.cache_ops)
        for slot in group.spare_slots if group else ():
            self._slots.free_empty(slot, self.cache_ops)
        sequence.slot = -1

    def replace_beams(self, before: list[Sequence], after: list[Sequence]) -> None:
        """Run a beam search's new members instead of those before."""
        first = min(self.sequences.index(member) for member in before)
        removed = set(map(id, before))
        others = [each for each in self.sequences if id(each) not in removed]
        self.sequences = others[:first] + after + others[first:]
