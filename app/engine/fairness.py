"""What each owner holds of the slots and the cache, and who gives some of it to another.

Knows nothing about queues or what a step computes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence as Ordered

from app.engine.sequence import Sequence

#: Answers are admitted as if they grew to this length, whatever `max_tokens` they allow.
EXPECTED_ANSWER_TOKENS = 256


def expected_cache_tokens(running: Iterable[Sequence]) -> int:
    """Tokens of cache that they will probably need; a beam search counts once."""
    return sum(each.expected_tokens(EXPECTED_ANSWER_TOKENS) for each in _units(running))


class DominantShares:
    """Parts of the whole. Owned by the engine thread."""

    def __init__(self, slots: int, kv_cache_tokens: int) -> None:
        self._slots, self._kv_cache_tokens = slots, kv_cache_tokens

    def held(self, running: Iterable[Sequence]) -> dict[str, float]:
        """The larger of each owner's parts of the slots and of the cache, largest first; who
        holds nothing is left out."""
        slots, tokens = Counter[str](), Counter[str]()
        for each in _units(running):
            slots[each.owner] += each.num_slots
            tokens[each.owner] += each.expected_tokens(EXPECTED_ANSWER_TOKENS)
        parts = {
            owner: max(slots[owner] / self._slots, tokens[owner] / self._kv_cache_tokens)
            for owner in slots
        }
        return dict(sorted(parts.items(), key=lambda item: item[1], reverse=True))

    def too_many_beams(self, sequence: Sequence, running: Ordered[Sequence]) -> bool:
        """True for a beam search that would give its owner more than half of the place to
        searches, which are never sent back, where others may come. One may run whatever it
        needs."""
        mine = [each for each in running if each.beam_group and each.owner == sequence.owner]
        if not sequence.beam_group or not sequence.handle.owner.limited or not mine:
            return False
        return self.held([*mine, sequence])[sequence.owner] > 0.5

    def victim(self, newcomer: Sequence, running: Ordered[Sequence]) -> Sequence | None:
        """The sequence that starts again later so that `newcomer` need not wait: the youngest
        of another owner who holds more. None when nobody owes it anything.

        Whoever gives keeps at least one, and still holds as much as the newcomer's owner after
        it, unless that owner has nothing at all. So nothing is ever taken back and forth.
        """
        held = self.held(running)
        then = self.held([*running, newcomer])[newcomer.owner]
        for owner in held:
            theirs = [each for each in running if each.owner == owner]
            youngest = next((each for each in reversed(theirs) if not each.beam_group), None)
            if owner == newcomer.owner or youngest is None or len(_units(theirs)) < 2:
                continue
            left = [each for each in theirs if each is not youngest]
            if newcomer.owner not in held or self.held(left)[owner] >= then:
                return youngest
        return None


def _units(running: Iterable[Sequence]) -> list[Sequence]:
    """One sequence for each that can run alone: of a beam search, one beam."""
    return list({id(each.beam_group or each): each for each in running}.values())
