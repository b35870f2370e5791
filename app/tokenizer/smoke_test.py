"""Runs a tokenizer on texts on which a damaged or hostile one would never finish.

It has no timeout: the caller must be able to kill the process that it runs in.
"""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path

from app.checkpoint.errors import StartupError
from app.tokenizer.tokenizer import Tokenizer

#: Length of runs of one character. Enough that a regular expression with catastrophic backtracking
#: does not finish.
RUN_LENGTH = 48
#: Maximum tokens or characters for one byte of text. Unicode normalization makes at most 18
#: characters of one, but none of these texts has such a character.
MAX_GROWTH = 8
_SENTENCES = (
    "The quick brown fox jumps over 12,345 lazy dogs; don't they?\n\n\tYes: 3.14 + x == y_z!",
    "告诉我中国的首都在哪里？西湖在杭州，景色很美。",
    "Ünïcödé، ελληνικά, русский, 日本語, 한국어, العربية, हिन्दी 🙂👩‍👩‍👧",
)


def check_tokenizer(tokenizer: Tokenizer, directory: Path) -> None:
    """Encode and decode every test text; `directory` is where `tokenizer` comes from.

    Raises:
        StartupError: the result is many times as long as the text, or has an id outside the
            vocabulary.
    """
    for text in sample_texts():
        ids = tokenizer.encode(text)
        if max(ids, default=0) >= tokenizer.vocab_size:
            raise StartupError(
                f"the tokenizer in {directory} makes the id {max(ids)}, which it does not have"
            )
        length = max(len(ids), len(tokenizer.decode(ids)))
        max_length = MAX_GROWTH * len(text.encode()) + MAX_GROWTH
        if length > max_length:
            raise StartupError(
                f"the tokenizer in {directory} makes {length:,} tokens or characters of "
                f"{len(text)} characters such as {text[:8]!r}; at most {max_length}"
            )


def sample_texts() -> Iterator[str]:
    """Sentences, and runs of every printable ASCII character, at the end of a text and before
    another character. All other ASCII characters follow, because a regular expression engine
    skips a pattern whose required last letter is missing."""
    yield from _SENTENCES
    for character in (*string.printable, "é", "中", "\u3000", "🙂"):
        other = "!" if character != "!" else "a"
        yield f"{character * RUN_LENGTH}{other} {string.printable}"
        yield f"a {character * RUN_LENGTH}"
