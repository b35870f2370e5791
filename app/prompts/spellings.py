"""Breaks up control tokens' spellings in users' texts, so that they stay text.

Knows nothing about templates or vocabularies.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from functools import lru_cache

from app.prompts import BREAK

#: Characters that are searched in one go.
WINDOW = 1 << 14


def break_up(text: str, special_texts: tuple[str, ...]) -> str:
    """`text` with BREAK after the first character of each spelling in it, overlapping ones
    too, and of one that only begins at its end: a template may put two texts side by side.
    """
    spellings = tuple(sorted(spelling for spelling in special_texts if spelling))
    if not spellings:
        return text
    pattern, longest = _whole(spellings), max(map(len, spellings))
    # In windows, each with the rest of what begins in it: one search would hold Python's lock
    # over all of a large text.
    cuts = [0]
    for start in range(0, len(text), WINDOW):
        found = pattern.finditer(text, start, start + WINDOW + longest)
        cuts += [match.end() for match in found if match.start() < start + WINDOW]
    parts = [text[begin:end] for begin, end in itertools.pairwise([*cuts, len(text)])]
    return _break_end(BREAK.join(parts), spellings)


def break_inside(text: str, special_texts: tuple[str, ...]) -> str:
    """The same for a name, an id or the like, which a template may put between brackets of its
    own: also the first character is kept from ending what the template began."""
    broken = break_up(text, special_texts)
    for spelling in special_texts:
        for start in range(1, len(spelling)):
            rest = spelling[start:]
            if text and (rest.startswith(text) or text.startswith(rest)):
                return BREAK + broken
    return broken


def _break_end(text: str, spellings: Iterable[str]) -> str:
    longest = max(map(len, spellings)) - 1
    for start in range(max(0, len(text) - longest), len(text)):
        tail = text[start:]
        if any(spelling.startswith(tail) for spelling in spellings):
            return f"{text[: start + 1]}{BREAK}{text[start + 1 :]}"
    return text


@lru_cache(maxsize=4)
def _whole(spellings: tuple[str, ...]) -> re.Pattern[str]:
    """Matches the first character wherever any spelling begins."""
    rests: dict[str, list[str]] = {}
    for spelling in spellings:
        rests.setdefault(spelling[0], []).append(re.escape(spelling[1:]))
    return re.compile(
        "|".join(f"{re.escape(first)}(?={'|'.join(ends)})" for first, ends in rests.items())
    )
