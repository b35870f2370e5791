"""The tokens that may come next in an answer that must match a grammar.

The parsing is llguidance's. It also stops at its own limits; here that is an error, never the end
of an answer.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Reasons of the library to stop that mean a complete answer; the others are limits.
_COMPLETE = ("NoExtension", "NoExtensionBias", "EndOfSentence")

#: Processor time of a mask above which it is slow, and how many slow masks an answer may have.
#: All running answers wait for a mask. Few grammars reach this within the library's limits.
_SLOW_MASK_S, _MAX_SLOW_MASKS = 0.25, 3


class ConstraintFailed(Exception):
    """The library stopped at one of its limits in the middle of an answer; the text so far is no
    whole answer."""


class GrammarConstraint:
    """One answer's state in a grammar. Used by one thread at a time."""

    def __init__(self, matcher: Any, vocab_size: int) -> None:
        """matcher: llguidance's, without an error."""
        self._matcher, self._vocab_size = matcher, vocab_size
        self._slow_masks = 0

    @property
    def complete(self) -> bool:
        """True when the answer must end here. Raises ConstraintFailed."""
        self._check()
        if not self._matcher.is_stopped():
            return False
        if (reason := self._matcher.stop_reason()) not in _COMPLETE:
            raise ConstraintFailed(reason)
        return True

    @property
    def can_end(self) -> bool:
        """True when the text so far matches, so that the answer may end here. Raises
        ConstraintFailed."""
        can_end = bool(self._matcher.is_accepting())
        self._check()
        return can_end

    def copy(self) -> GrammarConstraint:
        """An independent constraint in the same state."""
        return GrammarConstraint(self._matcher.deep_copy(), self._vocab_size)

    def allowed(self) -> NDArray[np.bool_]:
        """The tokens that may come next, bool [vocab]; at least one. Raises ConstraintFailed."""
        started_at = time.thread_time()
        mask = self._matcher.compute_bitmask()
        self._check()
        self._slow_masks += time.thread_time() - started_at > _SLOW_MASK_S
        if self._slow_masks > _MAX_SLOW_MASKS:
            raise ConstraintFailed("its masks take too long")
        bits = np.unpackbits(np.frombuffer(mask, dtype=np.uint8), bitorder="little")
        allowed = bits[: self._vocab_size].astype(bool)
        if not allowed.any():
            raise ConstraintFailed("no token of the vocabulary may follow")
        return allowed

    def accept(self, token: int) -> None:
        """Append an allowed token. Raises ConstraintFailed."""
        self._matcher.consume_token(token)
        self._check()

    def accept_all(self, tokens: list[int]) -> bool:
        """Append the tokens of a given text; False when they do not fit. Raises
        ConstraintFailed."""
        accepted = self._matcher.try_consume_tokens(tokens)
        self._check()
        return bool(accepted == len(tokens))

    def _check(self) -> None:
        if self._matcher.is_error():
            raise ConstraintFailed(self._matcher.get_error())
