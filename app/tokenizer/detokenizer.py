"""Turns token ids into text one by one, never taking back what it has said.

Knows nothing about tokenizers: a table of each id's bytes is all it reads.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence

_Utf8Decoder = codecs.getincrementaldecoder("utf-8")


class IncrementalDetokenizer:
    """Decodes one answer. Bytes that cannot be UTF-8 become U+FFFD, at most two bytes late;
    bytes that may still become a character wait for it. Never raises.

    The joined pieces are the same text however the ids arrive, so streamed and unstreamed
    answers are both made here. Belongs to one thread at a time.
    """

    def __init__(self, token_bytes: Sequence[bytes]) -> None:
        self._token_bytes = token_bytes
        self._utf8 = _Utf8Decoder(errors="replace")

    def push(self, token_id: int) -> str:
        """The text that `token_id` completes; "" for control tokens and unknown ids."""
        if 0 <= token_id < len(self._token_bytes):
            return self._utf8.decode(self._token_bytes[token_id])
        return ""

    @property
    def pending(self) -> bool:
        """True while bytes wait for the rest of their character."""
        return bool(self._utf8.getstate()[0])

    def finish(self) -> str:
        """What waited for more bytes, now decided; the decoder is as new afterwards."""
        rest = self._utf8.decode(b"", final=True)
        self._utf8.reset()
        return rest


def decode_all(token_bytes: Sequence[bytes], ids: Iterable[int]) -> str:
    """The text of `ids` at once, by the same decoder."""
    decoder = IncrementalDetokenizer(token_bytes)
    parts = [decoder.push(token_id) for token_id in ids]
    parts.append(decoder.finish())
    return "".join(parts)
