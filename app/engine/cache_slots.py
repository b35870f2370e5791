"""Allocates cache slots, and reuses prompt prefixes that idle slots still have.

Only whole prefill chunks are reused: they have the same bits whenever they were computed, so an
answer does not depend on whether its prompt was found.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Sequence as Tokens
from dataclasses import dataclass

from app.engine.beam_group import CopySlot
from app.engine.types import TokenIds

#: A prefix of at most this many tokens is copied even from an idle slot. The copy costs less than
#: to scatter the slots of running answers, which attention reads together where they are
#: neighbours.
MAX_COPIED_TOKENS = 256


@dataclass(frozen=True, slots=True)
class EvictSlot:
    """Free the memory of a slot."""

    slot: int


#: What is done to the cache before a step.
CacheOp = CopySlot | EvictSlot


@dataclass(slots=True)
class _CachedPrefix:
    """The prompt tokens that a slot's cache begins with."""

    scope: str
    tokens: TokenIds
    hashes: tuple[int, ...]  #: of each prefix, one chunk longer each time
    resident_tokens: int  #: tokens in the slot's memory; 0 while a sequence runs in it


class SlotPool:
    """Owned by the engine thread."""

    def __init__(self, slots: int, chunk_tokens: int, reuse: bool) -> None:
        """chunk_tokens: `Runner.prefill_chunk_tokens`; reuse: False turns prefix reuse off."""
        self._chunk_tokens, self._reuse = chunk_tokens, reuse
        self._empty = list(range(slots))
        self._idle: OrderedDict[int, _CachedPrefix] = OrderedDict()  #: least recently used first
        self._in_use: dict[int, _CachedPrefix] = {}  #: the prompt's sequence still runs
        self._by_hash: dict[int, set[int]] = {}  #: hash of a prefix -> slots that begin with it

    @property
    def available(self) -> int:
        """Slots that can be allocated now."""
        return len(self._empty) + len(self._idle)

    @property
    def idle_tokens(self) -> int:
        """Tokens in the memory of idle slots."""
        return sum(prefix.resident_tokens for prefix in self._idle.values())

    def allocate(self, scope: str, prompt: Tokens[int], ops: list[CacheOp]) -> tuple[int, int]:
        """A slot for a prompt, and how many of its first tokens are in it once `ops` are done;
        at least one token is left to compute.

        scope: only prompts of the same scope are reused. The time to an answer must reveal
        nothing about other users' prompts. ops: operations are appended to it.
        """
        reusable = (len(prompt) - 1) // self._chunk_tokens * self._chunk_tokens
        tokens = tuple(prompt[:reusable])
        source, length = self._longest_prefix(scope, tokens) if self._reuse else (-1, 0)
        is_idle = source in self._idle
        if is_idle and (length > MAX_COPIED_TOKENS or not self._empty):
            self._unregister(source)
            return source, length
        if is_idle:
            self._idle.move_to_end(source)  # so that it is not evicted before it is copied
        slot = heapq.heappop(self._empty) if self._empty else self._evict_oldest(ops)
        if length:
            ops.append(CopySlot(source, slot, 0, length))
        return slot, length

    def register_prefix(self, slot: int, scope: str, prompt: Tokens[int]) -> None:
        """Let other prompts of the scope reuse the chunks of a prompt, which are in the slot."""
        length = len(prompt) // self._chunk_tokens * self._chunk_tokens
        if self._reuse and length:
            tokens = tuple(prompt[:length])
            prefix = _CachedPrefix(scope, tokens, self._prefix_hashes(scope, tokens), 0)
            self._in_use[slot] = prefix
            for prefix_hash in prefix.hashes:
                self._by_hash.setdefault(prefix_hash, set()).add(slot)

    def free(self, slot: int, resident_tokens: int, keep: bool, ops: list[CacheOp]) -> None:
        """Free a slot after its sequence. resident_tokens: tokens in its memory; keep: False when
        they may be wrong."""
        prefix = self._in_use.pop(slot, None)
        if prefix is not None:
            prefix.resident_tokens = resident_tokens
            self._idle[slot] = prefix
            if keep:
                return
            self._unregister(slot)
        heapq.heappush(self._empty, slot)
        ops.append(EvictSlot(slot))

    def evict_idle(self, max_tokens: int, ops: list[CacheOp]) -> None:
        """Evict idle slots, least recently used first, until they have at most `max_tokens`."""
        while self._idle and self.idle_tokens > max_tokens:
            heapq.heappush(self._empty, self._evict_oldest(ops))

    def _evict_oldest(self, ops: list[CacheOp]) -> int:
        slot = next(iter(self._idle))
        self._unregister(slot)
        ops.append(EvictSlot(slot))
        return slot

    def _unregister(self, slot: int) -> None:
        for prefix_hash in self._idle.pop(slot).hashes:
            self._by_hash[prefix_hash].discard(slot)
            if not self._by_hash[prefix_hash]:
                del self._by_hash[prefix_hash]

    def _longest_prefix(self, scope: str, tokens: TokenIds) -> tuple[int, int]:
        """The slot that begins with most of `tokens`, and how many; (-1, 0) without any."""
        hashes = self._prefix_hashes(scope, tokens)
        for chunks in range(len(hashes), 0, -1):
            length = chunks * self._chunk_tokens
            for slot in self._by_hash.get(hashes[chunks - 1], ()):
                prefix = self._idle.get(slot) or self._in_use[slot]
                # hashes may collide
                if prefix.scope == scope and prefix.tokens[:length] == tokens[:length]:
                    return slot, length
        return -1, 0

    def _prefix_hashes(self, scope: str, tokens: TokenIds) -> tuple[int, ...]:
        """A hash of each prefix of whole chunks, each computed from the one before."""
        hashes, prefix_hash = [], hash(scope)
        for start in range(0, len(tokens), self._chunk_tokens):
            prefix_hash = hash((prefix_hash, tokens[start : start + self._chunk_tokens]))
            hashes.append(prefix_hash)
        return tuple(hashes)
