"""Incremental detokenizer: token ids to text, one token at a time."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping, Sequence

NO_TOKENS: Mapping[int, bytes] = {}
_Utf8Decoder = codecs.getincrementaldecoder("utf-8")


class IncrementalDetokenizer:
    """Detokenizes one answer; text that was returned never changes. Never raises.

    Invalid UTF-8 becomes U+FFFD. Incomplete characters are buffered until the next token
    completes them or makes them invalid.

    Streamed and unstreamed answers both use this class, so their text is the same. Not
    thread-safe.
    """

    def __init__(
        self, token_bytes: Sequence[bytes], shown: Mapping[int, bytes] = NO_TOKENS
    ) -> None:
        """token_bytes: of each token id, b"" for special tokens. shown: special tokens that are
        text in this answer, and their bytes."""
        self._token_bytes, self._shown = token_bytes, shown
        self._utf8 = _Utf8Decoder(errors="replace")

    def push(self, token_id: int) -> str:
        """The text that `token_id` completes; "" for special tokens and unknown ids."""
        if token_id in self._shown:
            return self._utf8.decode(self._shown[token_id])
        if 0 <= token_id < len(self._token_bytes):
            return self._utf8.decode(self._token_bytes[token_id])
        return ""

    @property
    def pending(self) -> bool:
        """True while an incomplete character is buffered."""
        return bool(self._utf8.getstate()[0])

    def finish(self) -> str:
        """The text of the buffered bytes; resets the detokenizer."""
        rest = self._utf8.decode(b"", final=True)
        self._utf8.reset()
        return rest


def decode_all(token_bytes: Sequence[bytes], ids: Iterable[int]) -> str:
    """The text of all `ids`, by the same detokenizer."""
    detokenizer = IncrementalDetokenizer(token_bytes)
    parts = [detokenizer.push(token_id) for token_id in ids]
    parts.append(detokenizer.finish())
    return "".join(parts)
