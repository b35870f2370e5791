"""Breaks up control tokens' spellings in users' texts, so that they stay text.

Knows nothing about templates or vocabularies.
"""

from __future__ import annotations

import re
from functools import lru_cache

from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD


def break_up(text: str, special_texts: tuple[str, ...]) -> str:
    """`text` with a guard after the first character of every special token's text in it.

    Overlapping occurrences are guarded too, and so is one that only begins at the end of
    `text`: a template may put two texts side by side.
    """
    known = _spellings(special_texts)
    return known.break_end(known.whole.sub(lambda match: match.group() + SPECIAL_TOKEN_GUARD, text))


def break_inside(text: str, special_texts: tuple[str, ...]) -> str:
    """The same for a name, an id or the like, which a template may put between brackets of its
    own: its beginning, too, is kept from going on with what the template began."""
    broken = break_up(text, special_texts)
    return SPECIAL_TOKEN_GUARD + broken if _spellings(special_texts).goes_on(text) else broken


class _Spellings:
    """What is looked up of one set of spellings. Immutable."""

    def __init__(self, special_texts: tuple[str, ...]) -> None:
        texts = sorted(filter(None, special_texts))
        self.whole = _first_characters(texts)
        self._longest = max(map(len, texts), default=1) - 1
        self._beginnings = {text[:end] for text in texts for end in range(1, len(text) + 1)}
        self._rests = {text[start:] for text in texts for start in range(1, len(text))}
        #: Every part of a spelling that does not begin it.
        self._parts = {rest[:end] for rest in self._rests for end in range(1, len(rest) + 1)}

    def break_end(self, text: str) -> str:
        """Guard every suffix of `text` that begins a special token's text. In "<<" both "<<s>>"
        and "<s>" may have begun."""
        broken = text
        for start in range(len(text) - 1, max(0, len(text) - self._longest) - 1, -1):
            if text[start:] in self._beginnings:
                broken = f"{broken[: start + 1]}{SPECIAL_TOKEN_GUARD}{broken[start + 1 :]}"
        return broken

    def goes_on(self, text: str) -> bool:
        """Whether a spelling could have begun before `text`, and end in it or after it."""
        ends = range(1, min(len(text), self._longest) + 1)
        return text in self._parts or any(text[:end] in self._rests for end in ends)


@lru_cache(maxsize=4)
def _spellings(special_texts: tuple[str, ...]) -> _Spellings:
    return _Spellings(special_texts)


def _first_characters(texts: list[str]) -> re.Pattern[str]:
    """Matches the first character wherever any spelling begins."""
    rests: dict[str, list[str]] = {}
    for text in texts:
        rests.setdefault(text[0], []).append(re.escape(text[1:]))
    # An empty alternation would match everywhere; `(?!)` matches nowhere.
    return re.compile(
        "|".join(f"{re.escape(first)}(?={'|'.join(ends)})" for first, ends in rests.items())
        or "(?!)"
    )
