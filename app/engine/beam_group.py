"""The sequences and slots of one beam search.

Knows nothing about scores: the search decides which beams live, this moves their caches.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, field, replace

from app.engine.beam_search import BeamCandidate, BeamSearch
from app.engine.detokenizer import Detokenizer
from app.engine.sequence import Sequence
from app.engine.types import FinishReason, OutputDelta


@dataclass(frozen=True, slots=True)
class CopySlot:
    """Copy positions [start, end) of one slot's cache to another slot."""

    source: int
    target: int
    start: int
    end: int


@dataclass(slots=True, eq=False)
class BeamGroup:
    """Owned by the engine thread. `lead` computes the prompt; the beams grow out of it."""

    search: BeamSearch
    answers: int  #: how many of the best are wanted
    lead: Sequence
    new_answer: Callable[[], Detokenizer]
    eos_ids: Set[int]  #: none where they are ignored
    members: list[Sequence] = field(default_factory=list)  #: in the order of the search's beams
    spare: list[int] = field(default_factory=list)  #: reserved slots that no beam uses now
    _prompted: set[int] = field(default_factory=set)  #: slots whose cache holds the prompt

    @property
    def slots(self) -> list[int]:
        """All slots of the group."""
        return [*self.spare, *(member.slot for member in self.members)]

    def deltas(self) -> list[OutputDelta]:
        """The best answers, each whole in one delta. A search of one token that sampling's
        limits left few of ends with fewer than are wanted: the last then stands for the rest."""
        best = self.search.best
        return [
            self._delta(self.lead.index + rank, best[min(rank, len(best) - 1)].tokens)
            for rank in range(self.answers)
        ]

    def _delta(self, index: int, tokens: tuple[int, ...]) -> OutputDelta:
        ended = tokens[-1] in self.eos_ids
        answer = self.new_answer()
        parts, stopped = [], False
        for token in tokens[:-1] if ended else tokens:
            text, stopped = answer.push(token)
            parts.append(text)
            if stopped:
                break
        if not stopped:
            text, stopped = answer.finish()
            parts.append(text)
        reason = FinishReason.STOP if ended or stopped else FinishReason.LENGTH
        return OutputDelta(index, "".join(parts), tokens, (), reason)

    def branch(self, survivors: list[BeamCandidate]) -> list[CopySlot]:
        """Make the next step's members. A beam's first child keeps its slot, so only the
        others' caches move, and of those only what was generated once the prompt is there."""
        children: dict[int, list[BeamCandidate]] = {}
        for survivor in survivors:
            children.setdefault(survivor.beam, []).append(survivor)
        self._prompted.update(member.slot for member in self.members)
        for number, member in enumerate(self.members):
            if number not in children:
                self.spare.append(member.slot)
        moves, placed = [], {}
        for number, siblings in children.items():
            parent = self.members[number]
            for place, child in enumerate(siblings):
                slot = parent.slot
                if place:
                    slot = self.spare.pop()
                    start = parent.prompt_length if slot in self._prompted else 0
                    moves.append(CopySlot(parent.slot, slot, start, parent.num_computed_tokens))
                placed[child] = _child(parent, child.token, slot)
        self.members = [placed[survivor] for survivor in survivors]
        self._prompted.update(member.slot for member in self.members)
        return moves


def _child(parent: Sequence, token: int, slot: int) -> Sequence:
    counts = parent.counts | {token: parent.counts.get(token, 0) + 1}
    seen = parent.seen | {token} if parent.params.repetition_penalty != 1.0 else parent.seen
    return replace(parent, tokens=[*parent.tokens, token], slot=slot, counts=counts, seen=seen)
