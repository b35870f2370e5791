"""Finds stop strings in text that arrives in pieces."""

from __future__ import annotations


class StopStringMatcher:
    """Cuts one answer's text at its first stop string.

    The result does not depend on where the pieces are split. Text that could still become a stop
    string is held back, and so is a complete match while an earlier one is still possible: the
    cut is at the match that begins first.

    With `drop_leading_space` the answer's leading white space is removed first. It is then not
    part of the text, so a stop string such as a newline cannot match in it.
    """

    def __init__(self, stops: tuple[str, ...], drop_leading_space: bool = False) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._dropping = drop_leading_space
        self._pending = ""
        self._cut_off = 0
        self.dropped = 0  #: characters of leading white space that were removed
        #: What cut the text: of stop strings that begin at the same place the shortest, which is
        #: complete first.
        self.found: str | None = None

    @property
    def held_back(self) -> int:
        """Number of characters pushed but not returned; after a stop, those that were cut off."""
        return len(self._pending) + self._cut_off

    @property
    def stopped(self) -> bool:
        """True once a stop string has cut the text."""
        return self.found is not None

    def push(self, text: str) -> tuple[str, bool]:
        """Take new text. Returns the text that can be sent, and whether a stop string was found;
        after that nothing more is returned."""
        if self.stopped:
            self._cut_off += len(text)
            return "", True
        if self._dropping:
            stripped = text.lstrip()
            self.dropped += len(text) - len(stripped)
            if not stripped:
                return "", False
            text, self._dropping = stripped, False
        pending = self._pending + text
        partial_start = self._first_partial_match(pending)
        match_start = self._first_match(pending)
        if match_start <= partial_start and match_start < len(pending):
            return self._cut(pending, match_start), True
        self._pending = pending[partial_start:]
        return pending[:partial_start], False

    def finish(self) -> str:
        """The text held back, at the end of the answer. It is cut at a match that was waiting
        for an earlier one; then `stopped` is True."""
        pending = self._pending
        match_start = self._first_match(pending)
        if match_start < len(pending):
            return self._cut(pending, match_start)
        self._pending = ""
        return pending

    def _cut(self, pending: str, start: int) -> str:
        matches = (stop for stop in self._stops if pending.startswith(stop, start))
        self.found = min(matches, key=len)
        self._pending, self._cut_off = "", len(pending) - start
        return pending[:start]

    def _first_match(self, pending: str) -> int:
        """Start of the first complete stop string; the text's length if there is none."""
        starts = (pending.find(stop) for stop in self._stops)
        return min((start for start in starts if start >= 0), default=len(pending))

    def _first_partial_match(self, pending: str) -> int:
        """Start of the longest suffix that more text could turn into a stop string; the text's
        length if there is none."""
        first = len(pending)
        for stop in self._stops:
            start = pending.find(stop[0], max(0, len(pending) - len(stop) + 1), first)
            while start >= 0:
                if stop.startswith(pending[start:]):
                    first = start
                    break
                start = pending.find(stop[0], start + 1, first)
        return first
