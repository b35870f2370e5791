"""Each owner's share of the slots and the cache, and which sequence to preempt for another owner.

The larger of the two shares counts (dominant resource fairness: Ghodsi et al., NSDI 2011).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Sequence as Ordered

from app.engine.sequence import Sequence

#: Admission expects that answers grow to this length, if `max_tokens` allows it.
EXPECTED_ANSWER_TOKENS = 256


def expected_cache_tokens(running: Iterable[Sequence]) -> int:
    """Tokens of cache that the sequences will probably need; a beam search counts once."""
    return sum(each.expected_tokens(EXPECTED_ANSWER_TOKENS) for each in without_siblings(running))


class DominantShares:
    """Owned by the engine thread."""

    def __init__(self, slots: int, kv_cache_tokens: int) -> None:
        self._slots, self._kv_cache_tokens = slots, kv_cache_tokens

    def of_owners(
        self, running: Iterable[Sequence], max_answer_tokens: int = EXPECTED_ANSWER_TOKENS
    ) -> dict[str, float]:
        """The larger of each owner's shares of slots and cache, 0 to 1, largest first. Owners
        without a running sequence are left out. max_answer_tokens: see
        `Sequence.expected_tokens`."""
        slots, tokens = Counter[str](), Counter[str]()
        for each in without_siblings(running):
            slots[each.owner] += each.num_slots
            tokens[each.owner] += each.expected_tokens(max_answer_tokens)
        shares = {
            owner: max(slots[owner] / self._slots, tokens[owner] / self._kv_cache_tokens)
            for owner in slots
        }
        return dict(sorted(shares.items(), key=lambda item: item[1], reverse=True))

    def too_many_beams(self, sequence: Sequence, running: Ordered[Sequence]) -> bool:
        """Whether a beam search could give its owner's searches more than half of the server.
        They are not preempted for other owners, which then could not start. One search may always
        run."""
        searches = [each for each in running if each.beam_group and each.owner == sequence.owner]
        if not sequence.beam_group or not sequence.handle.owner.limited or not searches:
            return False
        return self.of_owners([*searches, sequence], sequence.max_tokens)[sequence.owner] > 0.5

    def victim(self, newcomer: Sequence, running: Ordered[Sequence]) -> Sequence | None:
        """The sequence to preempt so that `newcomer` can start: the youngest of another owner
        with a larger share. None if there is no such owner.

        The other owner keeps at least one sequence, and afterwards still has as large a share as
        the newcomer's owner, unless that owner has nothing running. So two owners never preempt
        each other in turn.
        """
        shares = self.of_owners(running)
        newcomers_share = self.of_owners([*running, newcomer])[newcomer.owner]
        for owner in shares:
            theirs = [each for each in running if each.owner == owner]
            youngest = next((each for each in reversed(theirs) if not each.beam_group), None)
            if owner == newcomer.owner or youngest is None or len(without_siblings(theirs)) < 2:
                continue
            rest = [each for each in theirs if each is not youngest]
            if newcomer.owner not in shares or self.of_owners(rest)[owner] >= newcomers_share:
                return youngest
        return None


def without_siblings(running: Iterable[Sequence]) -> list[Sequence]:
    """The sequences, with one beam for each beam search."""
    return list({id(each.beam_group or each): each for each in running}.values())
