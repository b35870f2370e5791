"""Cuts text at the spellings of added tokens, the longest first where several begin.

Knows nothing about vocabularies: what lies between the cuts is someone else's to encode.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from app.tokenizer.config_files import AddedToken

#: Stands inside a user's own spelling of a control token, after its first character, wherever
#: a tokenizer's chat template is used. A private character that no vocabulary uses; the encoder
#: removes it after it has looked for control tokens.
SPECIAL_TOKEN_GUARD = "\ue0ff"  # noqa: S105 - a character, no password

#: Characters that are searched in one go.
WINDOW = 1 << 14

Segment = str | int  #: text to encode, or the id of an added token


class TokenMatcher:
    """Finds added tokens in text. Immutable, for any number of threads."""

    def __init__(self, tokens: Iterable[AddedToken]) -> None:
        self._tokens = {token.text: token for token in tokens if token.text}
        longest_first = sorted(self._tokens, key=len, reverse=True)
        # An empty alternation would match everywhere; `(?!)` matches nowhere.
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        self._longest = max(map(len, self._tokens), default=0)

    def split(self, text: str) -> Iterator[Segment]:
        """The text's parts in order, without empty ones."""
        start = 0
        strip_next = False
        for match in self._found(text):
            token = self._tokens[match.group()]
            before = _between(text[start : match.start()], strip_next, token.lstrip)
            if before:
                yield before
            yield token.id
            start = match.end()
            strip_next = token.rstrip
        rest = _between(text[start:], strip_next, False)
        if rest:
            yield rest

    def _found(self, text: str) -> Iterator[re.Match[str]]:
        """As `finditer`, which holds Python's lock from one match to the next: here it looks
        no further than a window at a time, and at the rest of what begins in it."""
        at = 0
        for end in range(WINDOW, len(text) + WINDOW, WINDOW):
            while match := self._pattern.search(text, at, end + self._longest):
                if match.start() >= end:
                    break
                yield match
                at = match.end()
            at = max(at, end)

    def break_up(self, text: str) -> list[str]:
        """The text in parts none of which holds a whole spelling: cut after the first
        character of each. A spelling of one character stays."""
        cuts = [0, *(m.start() + 1 for m in self._found(text)), len(text)]
        parts = (text[a:b] for a, b in itertools.pairwise(cuts))
        return [part for part in parts if part]


def _between(text: str, lstrip: bool, rstrip: bool) -> str:
    if lstrip:
        text = text.lstrip()
    return text.rstrip() if rstrip else text
