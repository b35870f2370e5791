"""Splits text at added tokens, the longest first where several begin at the same character."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from app.tokenizer.config_files import AddedToken

#: Inserted after the first character of every special token's text that a user writes, wherever
#: the tokenizer's chat template is used, so that it stays plain text. A private-use character
#: that no vocabulary contains; the encoder removes it after it has matched special tokens.
SPECIAL_TOKEN_GUARD = "\ue0ff"  # noqa: S105 - a character, no password

#: Characters searched in one call of the regular expression.
WINDOW = 1 << 14

Segment = str | int  #: text to encode, or the id of an added token


class TokenMatcher:
    """Finds added tokens in text. Immutable and thread-safe."""

    def __init__(self, tokens: Iterable[AddedToken]) -> None:
        self._tokens = {token.text: token for token in tokens if token.text}
        longest_first = sorted(self._tokens, key=len, reverse=True)
        # An empty alternation would match everywhere; `(?!)` matches nowhere.
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        self._max_length = max(map(len, self._tokens), default=0)

    def split(self, text: str) -> Iterator[Segment]:
        """The segments of `text` in order, without empty ones."""
        start = 0
        strip_next = False
        for match in self._matches(text):
            token = self._tokens[match.group()]
            before = _strip(text[start : match.start()], left=strip_next, right=token.lstrip)
            if before:
                yield before
            yield token.id
            start = match.end()
            strip_next = token.rstrip
        rest = _strip(text[start:], left=strip_next, right=False)
        if rest:
            yield rest

    def split_inside_tokens(self, text: str) -> list[str]:
        """Split after the first character of every token, so that no part contains a complete one.
        Tokens of one character are not split."""
        cuts = [0, *(match.start() + 1 for match in self._matches(text)), len(text)]
        parts = (text[start:end] for start, end in itertools.pairwise(cuts))
        return [part for part in parts if part]

    def _matches(self, text: str) -> Iterator[re.Match[str]]:
        """Like `finditer`, which holds the GIL from one match to the next. This searches one
        window at a time, extended by the longest token that can begin in it."""
        position = 0
        for end in range(WINDOW, len(text) + WINDOW, WINDOW):
            while match := self._pattern.search(text, position, end + self._max_length):
                if match.start() >= end:
                    break
                yield match
                position = match.end()
            position = max(position, end)


def _strip(text: str, *, left: bool, right: bool) -> str:
    if left:
        text = text.lstrip()
    return text.rstrip() if right else text
