"""Detokenizes incrementally and reports the character range of every token in the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.tokenizer.detokenizer import NO_TOKENS, IncrementalDetokenizer

_REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """Text completed by a token, and the range of characters that contain its bytes."""

    text: str
    start: int  #: characters from the beginning of the decoded text
    end: int  #: exclusive; a character that the token only begins is included


class OffsetDetokenizer:
    """An IncrementalDetokenizer that counts characters. Not thread-safe."""

    def __init__(
        self, token_bytes: Sequence[bytes], shown: Mapping[int, bytes] = NO_TOKENS
    ) -> None:
        """See `IncrementalDetokenizer`."""
        self._detokenizer = IncrementalDetokenizer(token_bytes, shown)
        self.length = 0  #: characters decoded so far

    def push(self, token_id: int) -> TokenSpan:
        """Decode one token."""
        pending_before = self._detokenizer.pending
        text = self._detokenizer.push(token_id)
        # If this token does not continue the buffered character, that has just become U+FFFD
        # and belongs to the tokens before.
        start = self.length + (pending_before and text.startswith(_REPLACEMENT))
        self.length += len(text)
        return TokenSpan(text, start, self.length + self._detokenizer.pending)

    def finish(self) -> str:
        """The text of the buffered bytes."""
        text = self._detokenizer.finish()
        self.length += len(text)
        return text
