"""Tries a tokenizer on texts that a damaged or hostile one would answer without end.

Knows nothing about files. It has no bound of its own: who calls it must be able to end it.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path

from app.checkpoint.errors import StartupError
from app.tokenizer.tokenizer import Tokenizer

#: Long enough that a pattern which tries every way to divide a run never comes to its end.
RUN = 48
#: Tokens and characters that one byte of text may become. Unicode's own rules make 18 characters
#: of one at the most, and of these texts' none.
GROWTH = 8
_SENTENCES = (
    "The quick brown fox jumps over 12,345 lazy dogs; don't they?\n\n\tYes: 3.14 + x == y_z!",
    "告诉我中国的首都在哪里？西湖在杭州，景色很美。",
    "Ünïcödé، ελληνικά, русский, 日本語, 한국어, العربية, हिन्दी 🙂👩‍👩‍👧",
)


def check_tokenizer(tokenizer: Tokenizer, directory: Path) -> None:
    """Encode each text there and back; `directory`: where `tokenizer` comes from.

    Raises:
        StartupError: a text becomes many times as long, or an id beyond the vocabulary.
    """
    for text in texts():
        ids = tokenizer.encode(text)
        if max(ids, default=0) >= tokenizer.vocab_size:
            raise StartupError(
                f"the tokenizer in {directory} makes the id {max(ids)}, which it does not have"
            )
        longer = max(len(ids), len(tokenizer.decode(ids)))
        most = GROWTH * len(text.encode()) + GROWTH
        if longer > most:
            raise StartupError(
                f"the tokenizer in {directory} makes {longer:,} tokens or characters of "
                f"{len(text)} characters such as {text[:8]!r}; at most {most}"
            )


def texts() -> Iterator[str]:
    """Sentences, and runs of every ASCII character, before another and at the end. All the others
    follow somewhere: a pattern that ends in a letter is not even tried where that is missing."""
    yield from _SENTENCES
    for character in (*string.printable, "é", "中", "\u3000", "🙂"):
        other = "!" if character != "!" else "a"
        yield f"{character * RUN}{other} {string.printable}"
        yield f"a {character * RUN}"
