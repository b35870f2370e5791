"""Decodes tokens one by one and says where in the text each of them begins and ends.

Knows nothing about stop strings or answers: positions are characters of all that was decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.tokenizer.detokenizer import IncrementalDetokenizer

_REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """One token's: the text it completes, and the characters it has a byte in."""

    text: str
    start: int
    end: int  #: of a character it only begins, one past that


class OffsetDetokenizer:
    """An IncrementalDetokenizer that counts. Belongs to one thread at a time."""

    def __init__(self, token_bytes: Sequence[bytes]) -> None:
        self._decoder = IncrementalDetokenizer(token_bytes)
        self.length = 0  #: characters decoded so far

    def push(self, token_id: int) -> TokenSpan:
        """Decode one token."""
        begun = self._decoder.pending
        text = self._decoder.push(token_id)
        # A character that this token does not go on with has just become U+FFFD.
        start = self.length + (begun and text.startswith(_REPLACEMENT))
        self.length += len(text)
        return TokenSpan(text, start, self.length + self._decoder.pending)

    def finish(self) -> str:
        """What waited for more bytes, now decided."""
        text = self._decoder.finish()
        self.length += len(text)
        return text
