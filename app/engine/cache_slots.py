"""Allocates cache slots, and reuses the prefixes that they still have.

A prefix is looked for in every slot of the same owner, as there are few slots: those of running
sequences, and idle ones, whose sequence has ended.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from app.engine.beam_group import CopySlot
from app.engine.prefill_chunking import PrefillChunking
from app.engine.sequence import Sequence

#: A prefix of at most this many tokens is copied even from an idle slot. The copy costs less than
#: to scatter the slots of running answers, which attention reads together where they are
#: neighbours.
MAX_COPIED_TOKENS = 256
_BLOCK = 256  # tokens that are compared at once


@dataclass(frozen=True, slots=True)
class EvictSlot:
    """Free the memory of a slot."""

    slot: int


#: What is done to the cache before a step.
CacheOp = CopySlot | EvictSlot


@dataclass(frozen=True, slots=True)
class _IdlePrefix:
    """What an idle slot's cache begins with."""

    scope: str
    tokens: list[int]
    resident_tokens: int  #: tokens in the slot's memory


class SlotPool:
    """Owned by the engine thread."""

    def __init__(self, slots: int, chunking: PrefillChunking, reuse: bool) -> None:
        """reuse: False turns prefix reuse off."""
        self._chunking, self._reuse = chunking, reuse
        self._empty = list(range(slots))
        self._idle: OrderedDict[int, _IdlePrefix] = OrderedDict()  #: least recently used first

    @property
    def available(self) -> int:
        """Slots that can be allocated now."""
        return len(self._empty) + len(self._idle)

    @property
    def idle_tokens(self) -> int:
        """Tokens in the memory of idle slots."""
        return sum(prefix.resident_tokens for prefix in self._idle.values())

    def cached_prefix(self, sequence: Sequence, running: Iterable[Sequence]) -> tuple[int, int]:
        """The slot with the longest prefix of what a waiting sequence will prefill, and that
        prefix's length; (-1, 0) without any. At least one token is left to compute.

        Only slots of the same owner count: the time to an answer must reveal nothing about other
        users' prompts.
        """
        best = -1, 0
        if not self.reuses(sequence):
            return best
        owner = sequence.owner
        cached = [
            (each.slot, each.tokens, self._chunking.cached_tokens(each))
            for each in running
            if each.owner == owner
        ]
        idle = reversed(self._idle.items())  # most recently used first
        cached += [(slot, p.tokens, len(p.tokens)) for slot, p in idle if p.scope == owner]
        for slot, tokens, count in cached:
            length = self.common_prefix(sequence, tokens, count)
            if length > best[1]:
                best = slot, length
        return best

    def reuses(self, sequence: Sequence) -> bool:
        """Whether a cached prefix can save a sequence work at all."""
        return self._reuse and not sequence.computes_whole_prompt

    def common_prefix(self, sequence: Sequence, tokens: list[int], count: int) -> int:
        """How much a sequence may reuse of a cache that will hold the first `count` of `tokens`.
        At least one token is left to compute."""
        limit = min(count, sequence.prefill_length - 1)
        return self._chunking.reusable(min(limit, common_prefix_length(tokens, sequence.tokens)))

    def allocate(
        self, sequence: Sequence, running: Iterable[Sequence], ops: list[CacheOp]
    ) -> tuple[int, int]:
        """A slot for a sequence, and how many of its first tokens are in it once `ops` are done.
        Operations are appended to `ops`."""
        source, length = self.cached_prefix(sequence, running)
        idle = self._idle.get(source)
        if idle is not None:
            is_full, is_oldest = not self._empty, source == next(iter(self._idle))
            is_most_of_it = 2 * length >= len(idle.tokens)
            wants_no_copy = is_most_of_it and length > MAX_COPIED_TOKENS
            if wants_no_copy or (is_full and (is_most_of_it or is_oldest)):
                del self._idle[source]
                return source, length
            self._idle.move_to_end(source)  # so that it is not evicted before it is copied
        slot = self.allocate_empty(ops)
        if length:
            ops.append(CopySlot(source, slot, 0, length))
        return slot, length

    def allocate_empty(self, ops: list[CacheOp]) -> int:
        """A slot from which nothing is reused."""
        return heapq.heappop(self._empty) if self._empty else self._evict_oldest(ops)

    def free(self, sequence: Sequence, keep: bool, ops: list[CacheOp]) -> None:
        """Free a sequence's slot. keep: False when its tokens may be wrong."""
        cached = self._chunking.cached_tokens(sequence) if keep and self._reuse else 0
        if cached:
            resident = sequence.num_computed_tokens
            prefix = _IdlePrefix(sequence.owner, sequence.tokens[:cached], resident)
            self._idle[sequence.slot] = prefix
        else:
            self.free_empty(sequence.slot, ops)

    def free_empty(self, slot: int, ops: list[CacheOp]) -> None:
        """Free a slot from which nothing is to be reused."""
        heapq.heappush(self._empty, slot)
        ops.append(EvictSlot(slot))

    def evict_idle(self, max_tokens: int, ops: list[CacheOp]) -> None:
        """Evict idle slots, least recently used first, until they have at most `max_tokens`."""
        while self._idle and self.idle_tokens > max_tokens:
            heapq.heappush(self._empty, self._evict_oldest(ops))

    def _evict_oldest(self, ops: list[CacheOp]) -> int:
        slot, _ = self._idle.popitem(last=False)
        ops.append(EvictSlot(slot))
        return slot


def common_prefix_length(one: list[int], other: list[int]) -> int:
    """How many tokens two lists begin with in common."""
    end = min(len(one), len(other))
    for start in range(0, end, _BLOCK):
        if one[start : start + _BLOCK] != other[start : start + _BLOCK]:
            stop = min(start + _BLOCK, end)
            return next((i for i in range(start, stop) if one[i] != other[i]), stop)
    return end
