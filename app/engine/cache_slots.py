"""Hands out cache slots, and remembers which prompts the idle ones still hold.

Knows nothing about who runs. Only whole chunks that a prefill made are remembered: their bits are
the same whenever they were made, so an answer does not depend on whether they were found.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Sequence as Tokens
from dataclasses import dataclass

from app.engine.beam_group import CopySlot
from app.engine.types import TokenIds

#: Copying so few tokens costs less than scattering the slots of running answers, which
#: attention reads together where they are neighbours.
COPY_AT_MOST = 256


@dataclass(frozen=True, slots=True)
class EvictSlot:
    """The slot's content is not needed any more."""

    slot: int


#: What has to be done to the cache before a step, in this order.
CacheOp = CopySlot | EvictSlot


@dataclass(slots=True)
class _Held:
    """What a slot's cache begins with."""

    scope: str
    tokens: TokenIds
    chain: tuple[int, ...]  #: a hash of each whole prefix, chunk by chunk
    resident: int  #: tokens of memory behind the slot; 0 while a sequence runs in it


class SlotPool:
    """Owned by the engine thread."""

    def __init__(self, slots: int, chunk: int, reuse: bool) -> None:
        """chunk: tokens of the grid prompts are computed on; reuse: False remembers nothing."""
        self._tile, self._reuse = chunk, reuse
        self._empty = list(range(slots))
        self._held: OrderedDict[int, _Held] = OrderedDict()  #: idle ones, least recently used first
        self._used: dict[int, _Held] = {}  #: slots in which the prompt's sequence still runs
        self._index: dict[int, set[int]] = {}  #: hash of a prefix -> slots that begin with it

    @property
    def available(self) -> int:
        """Slots that could be handed out now."""
        return len(self._empty) + len(self._held)

    @property
    def idle_tokens(self) -> int:
        """Tokens of memory behind remembered prompts that nobody is using."""
        return sum(held.resident for held in self._held.values())

    def take(self, scope: str, tokens: Tokens[int], work: list[CacheOp]) -> tuple[int, int]:
        """A slot for a prompt, and how many of its first tokens are in it already, once `work`
        has been done. At least one token is left to compute. Only prompts of the same `scope`
        are looked at: how fast an answer begins must tell nothing about other people's."""
        whole = tuple(tokens[: (len(tokens) - 1) // self._tile * self._tile])
        source, length = self._find(scope, whole) if self._reuse else (-1, 0)
        idle = source in self._held
        if idle and (length > COPY_AT_MOST or not self._empty):
            self._forget(source)
            return source, length
        if idle:
            self._held.move_to_end(source)  # the slot found is the last to be given away
        slot = heapq.heappop(self._empty) if self._empty else self._oldest(work)
        if length:
            work.append(CopySlot(source, slot, 0, length))
        return slot, length

    def remember(self, slot: int, scope: str, prompt: Tokens[int]) -> None:
        """A prompt's chunks are in the slot now; others of its scope may copy them."""
        whole = len(prompt) // self._tile * self._tile
        if self._reuse and whole:
            tokens = tuple(prompt[:whole])
            self._used[slot] = _Held(scope, tokens, self._chain(scope, tokens), 0)
            for link in self._used[slot].chain:
                self._index.setdefault(link, set()).add(slot)

    def give_back(self, slot: int, resident: int, keep: bool, work: list[CacheOp]) -> None:
        """The sequence has left; `resident` tokens of cache were written. keep: False when
        they may be wrong."""
        held = self._used.pop(slot, None)
        if held is not None:
            held.resident = resident
            self._held[slot] = held
            if keep:
                return
            self._forget(slot)
        heapq.heappush(self._empty, slot)
        work.append(EvictSlot(slot))

    def shrink(self, tokens: int, work: list[CacheOp]) -> None:
        """Forget remembered prompts, the oldest first, until at most `tokens` are behind them."""
        while self._held and self.idle_tokens > tokens:
            heapq.heappush(self._empty, self._oldest(work))

    def _oldest(self, work: list[CacheOp]) -> int:
        slot = next(iter(self._held))
        self._forget(slot)
        work.append(EvictSlot(slot))
        return slot

    def _forget(self, slot: int) -> None:
        for link in self._held.pop(slot).chain:
            self._index[link].discard(slot)
            if not self._index[link]:
                del self._index[link]

    def _find(self, scope: str, tokens: TokenIds) -> tuple[int, int]:
        """The slot that begins with most of `tokens`, and how many; (-1, 0) if none does."""
        chain = self._chain(scope, tokens)
        for number in range(len(chain), 0, -1):
            length = number * self._tile
            for slot in self._index.get(chain[number - 1], ()):
                held = self._held.get(slot) or self._used[slot]
                # hashes may collide
                if held.scope == scope and held.tokens[:length] == tokens[:length]:
                    return slot, length
        return -1, 0

    def _chain(self, scope: str, tokens: TokenIds) -> tuple[int, ...]:
        links, link = [], hash(scope)
        for first in range(0, len(tokens), self._tile):
            link = hash((link, tokens[first : first + self._tile]))
            links.append(link)
        return tuple(links)
