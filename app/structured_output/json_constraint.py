"""Keeps an answer inside a JSON schema: which tokens may come next, given those so far.

Knows nothing about sampling, requests or how schemas are tried. The parsing is llguidance's; this
hands its masks on, and never takes its giving up for an end.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Why the library stops where the text is an instance; it also stops at limits.
_ENDS = ("NoExtension", "NoExtensionBias", "EndOfSentence")


#: Processor time of one mask, for which all running answers wait, and how often one answer may
#: take more. The library's limits keep masks far below, but for few grammars.
_LONG_S, _LONG_ONES = 0.25, 3


class ConstraintFailed(Exception):
    """The library gave up in the middle of an answer, at one of its limits; the text so far is
    no instance of the schema."""


class JsonConstraint:
    """One answer's place in its grammar. Used by one thread at a time."""

    def __init__(self, matcher: Any, vocab_size: int) -> None:
        """matcher: the library's, in no error."""
        self._matcher, self._vocab_size = matcher, vocab_size
        self._long_ones = 0

    @property
    def complete(self) -> bool:
        """True when nothing but the end may follow. Raises ConstraintFailed."""
        self._check()
        if not self._matcher.is_stopped():
            return False
        if (reason := self._matcher.stop_reason()) not in _ENDS:
            raise ConstraintFailed(reason)
        return True

    @property
    def endable(self) -> bool:
        """True when the text so far is an instance, which may yet go on. Raises
        ConstraintFailed."""
        endable = bool(self._matcher.is_accepting())
        self._check()
        return endable

    def copy(self) -> JsonConstraint:
        """Another answer at the same place."""
        return JsonConstraint(self._matcher.deep_copy(), self._vocab_size)

    def allowed(self) -> NDArray[np.bool_]:
        """Which tokens may come next, bool [vocab]; at least one. Raises ConstraintFailed."""
        began = time.thread_time()
        mask = self._matcher.compute_bitmask()
        self._check()
        self._long_ones += time.thread_time() - began > _LONG_S
        if self._long_ones > _LONG_ONES:
            raise ConstraintFailed("its masks take too long")
        bits = np.unpackbits(np.frombuffer(mask, dtype=np.uint8), bitorder="little")
        allowed = bits[: self._vocab_size].astype(bool)
        if not allowed.any():
            raise ConstraintFailed("no token of the vocabulary may follow")
        return allowed

    def accept(self, token: int) -> None:
        """Take the next token, one of those allowed. Raises ConstraintFailed."""
        self._matcher.consume_token(token)
        self._check()

    def accept_all(self, tokens: list[int]) -> bool:
        """Take the tokens of a text that is there already; False when they do not fit. Raises
        ConstraintFailed."""
        taken = self._matcher.try_consume_tokens(tokens)
        self._check()
        return bool(taken == len(tokens))

    def _check(self) -> None:
        if self._matcher.is_error():
            raise ConstraintFailed(self._matcher.get_error())
