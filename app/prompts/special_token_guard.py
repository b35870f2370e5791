"""Guards special tokens' texts in users' texts, so that they are encoded as plain text."""

from __future__ import annotations

import re
from functools import lru_cache

from app.tokenizer.added_tokens import SPECIAL_TOKEN_GUARD


def guard_special_tokens(text: str, special_texts: tuple[str, ...]) -> str:
    """`text` with a guard after the first character of every special token's text in it.

    Overlapping occurrences are guarded too, and so is one that only begins at the end of
    `text`: a template may put two texts side by side.
    """
    matcher = _matcher(special_texts)
    guarded = matcher.first_characters.sub(lambda match: match.group() + SPECIAL_TOKEN_GUARD, text)
    return matcher.guard_end(guarded)


def guard_embedded_text(text: str, special_texts: tuple[str, ...]) -> str:
    """As `guard_special_tokens`, for names, ids and arguments, which a template may put between
    its own brackets: if `text` could continue a special token's text, a guard precedes it."""
    guarded = guard_special_tokens(text, special_texts)
    continues = _matcher(special_texts).may_continue(text)
    return SPECIAL_TOKEN_GUARD + guarded if continues else guarded


class _SpecialTextMatcher:
    """Prefixes and suffixes of a set of special tokens' texts. Immutable."""

    def __init__(self, special_texts: tuple[str, ...]) -> None:
        texts = sorted(filter(None, special_texts))
        self.first_characters = _first_characters(texts)
        self._max_prefix = max(map(len, texts), default=1) - 1
        self._prefixes = {text[:end] for text in texts for end in range(1, len(text) + 1)}
        self._suffixes = {text[start:] for text in texts for start in range(1, len(text))}
        #: Every substring that does not begin at the first character.
        self._inner = {
            suffix[:end] for suffix in self._suffixes for end in range(1, len(suffix) + 1)
        }

    def guard_end(self, text: str) -> str:
        """Guard every suffix of `text` that begins a special token's text. In "<<" both "<<s>>"
        and "<s>" may have begun."""
        guarded = text
        for start in range(len(text) - 1, max(0, len(text) - self._max_prefix) - 1, -1):
            if text[start:] in self._prefixes:
                guarded = f"{guarded[: start + 1]}{SPECIAL_TOKEN_GUARD}{guarded[start + 1 :]}"
        return guarded

    def may_continue(self, text: str) -> bool:
        """Whether a special token's text that begins before `text` may continue into it."""
        ends = range(1, min(len(text), self._max_prefix) + 1)
        return text in self._inner or any(text[:end] in self._suffixes for end in ends)


@lru_cache(maxsize=4)
def _matcher(special_texts: tuple[str, ...]) -> _SpecialTextMatcher:
    return _SpecialTextMatcher(special_texts)


def _first_characters(texts: list[str]) -> re.Pattern[str]:
    """Matches the first character of every occurrence of `texts`, overlapping ones too."""
    rests: dict[str, list[str]] = {}
    for text in texts:
        rests.setdefault(text[0], []).append(re.escape(text[1:]))
    # An empty alternation would match everywhere; `(?!)` matches nowhere.
    return re.compile(
        "|".join(f"{re.escape(first)}(?={'|'.join(ends)})" for first, ends in rests.items())
        or "(?!)"
    )
