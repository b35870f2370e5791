"""The sequences and cache slots of one beam search."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, field, replace

from app.engine.beam_search import BeamCandidate, BeamSearch
from app.engine.detokenizer import Detokenizer
from app.engine.events import FinishReason, OutputDelta
from app.engine.sequence import Sequence


@dataclass(frozen=True, slots=True)
class CopySlot:
    """Copy positions [start, end) of one slot's cache to another slot."""

    source: int
    target: int
    start: int
    end: int


@dataclass(slots=True, eq=False)
class BeamGroup:
    """Owned by the engine thread. `lead` computes the prompt; the beams branch off from it."""

    search: BeamSearch
    num_answers: int  #: how many of the best are returned
    lead: Sequence
    new_detokenizer: Callable[[], Detokenizer]
    end_ids: Set[int]  #: tokens that end an answer
    members: list[Sequence] = field(default_factory=list)  #: in the order of the search's beams
    spare_slots: list[int] = field(default_factory=list)  #: reserved, not used by a beam now
    #: It was preempted once. Now all the cache that it may need is reserved, so that it is not
    #: preempted again and again.
    reserved: bool = False
    _slots_with_prompt: set[int] = field(default_factory=set)  #: their cache has the prompt

    @property
    def slots(self) -> list[int]:
        """All slots of the group."""
        return [*self.spare_slots, *(member.slot for member in self.members)]

    def restart(self) -> None:
        """Forget all beams after a preemption. Nothing was sent yet, and the search is computed
        again to the same bits."""
        self.search.restart()
        self.members, self.spare_slots, self.reserved = [], [], True
        self._slots_with_prompt.clear()

    def deltas(self) -> list[OutputDelta]:
        """The best answers, each in one delta. If top-k and top-p leave fewer candidates than
        `num_answers` (with max_tokens=1), the last answer is repeated."""
        best = self.search.finished
        return [
            self._delta(self.lead.index + rank, best[min(rank, len(best) - 1)].tokens)
            for rank in range(self.num_answers)
        ]

    def _delta(self, index: int, tokens: tuple[int, ...]) -> OutputDelta:
        ends_with_token = tokens[-1] in self.end_ids
        detokenizer = self.new_detokenizer()
        texts, stopped = [], False
        for token in tokens[:-1] if ends_with_token else tokens:
            text, stopped = detokenizer.push(token)
            texts.append(text)
            if stopped:
                break
        if not stopped:
            text, stopped = detokenizer.finish()
            texts.append(text)
        reason = FinishReason.STOP if ends_with_token or stopped else FinishReason.LENGTH
        reasoning, count = detokenizer.take_reasoning()
        delta = OutputDelta(index, "".join(texts), tokens, (), reason, reasoning, count)
        return replace(delta, stop_reason=detokenizer.stop_string)

    def reorder(self, survivors: list[BeamCandidate]) -> list[CopySlot]:
        """Replace the members by the next step's; returns the cache copies to make first.

        The first child of a beam keeps its slot, so only its other children need a copy. A slot
        that already has the prompt gets only the generated positions.
        """
        children: dict[int, list[BeamCandidate]] = {}
        for survivor in survivors:
            children.setdefault(survivor.beam, []).append(survivor)
        self._slots_with_prompt.update(member.slot for member in self.members)
        for beam, member in enumerate(self.members):
            if beam not in children:
                self.spare_slots.append(member.slot)
        copies, sequences = [], {}
        for beam, siblings in children.items():
            parent = self.members[beam]
            for rank, child in enumerate(siblings):
                slot = parent.slot
                if rank:
                    slot = self.spare_slots.pop()
                    start = parent.prompt_length if slot in self._slots_with_prompt else 0
                    copies.append(CopySlot(parent.slot, slot, start, parent.num_computed_tokens))
                sequences[child] = _child(parent, child.token, slot)
        self.members = [sequences[survivor] for survivor in survivors]
        self._slots_with_prompt.update(member.slot for member in self.members)
        return copies


def _child(parent: Sequence, token: int, slot: int) -> Sequence:
    sampling = parent.sampling.copy()
    sampling.append(token)
    return replace(parent, tokens=[*parent.tokens, token], slot=slot, sampling=sampling)
