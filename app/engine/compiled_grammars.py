"""Keeps compiled grammars, and the errors of those that cannot be compiled."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from app.structured_output.grammar_constraint import GrammarConstraint

#: Grammars by number and by memory, errors by number.
MAX_GRAMMARS = 64
MAX_CACHED_BYTES = 256 << 20
MAX_ERRORS = 1024


@dataclass(slots=True)
class CompiledGrammar:
    """A compiled grammar; every answer gets a copy of its first state."""

    constraint: GrammarConstraint
    size_bytes: int


class CompiledGrammars:
    """By the hash of what was compiled; an error is its message. What was used least recently goes
    first. Not thread-safe."""

    def __init__(self) -> None:
        self._results: OrderedDict[bytes, CompiledGrammar | str] = OrderedDict()

    def get(self, key: bytes) -> CompiledGrammar | str | None:
        """What was put, if it is still kept."""
        result = self._results.get(key)
        if result is not None:
            self._results.move_to_end(key)
        return result

    def put(self, key: bytes, result: CompiledGrammar | str) -> None:
        """Keep a grammar or an error, within the limits."""
        self._results[key] = result
        for kind, limit in ((CompiledGrammar, MAX_GRAMMARS), (str, MAX_ERRORS)):
            while sum(isinstance(each, kind) for each in self._results.values()) > limit:
                self._evict_oldest(kind)
        while self._size_bytes() > MAX_CACHED_BYTES:
            self._evict_oldest(CompiledGrammar)

    def _size_bytes(self) -> int:
        grammars = (each for each in self._results.values() if isinstance(each, CompiledGrammar))
        return sum(grammar.size_bytes for grammar in grammars)

    def _evict_oldest(self, kind: type) -> None:
        del self._results[next(k for k, each in self._results.items() if isinstance(each, kind))]
