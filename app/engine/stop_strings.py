"""Finds stop strings in text that arrives in pieces, and lets no part of one escape.

Knows nothing about tokens or about why a generation ends otherwise.
"""

from __future__ import annotations


class StopStringMatcher:
    """Watches one answer for its stop strings.

    The cut is at the match that begins first, wherever the pieces' borders are: while a match
    is complete but one that began before it may still come true, both are held back.

    With `drop_leading_space` the answer's leading white space goes first. It is then no part
    of the text, so a stop string such as a newline cannot match in it.
    """

    def __init__(self, stops: tuple[str, ...], drop_leading_space: bool = False) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._dropping = drop_leading_space
        self._held = ""
        self._cut_off = 0
        self._stopped = False
        self.dropped = 0  #: characters of leading white space that went

    @property
    def held_back(self) -> int:
        """Characters pushed last that have not been given out; once stopped, those that
        never will be."""
        return len(self._held) + self._cut_off

    @property
    def stopped(self) -> bool:
        """True once a stop string has cut the text."""
        return self._stopped

    def push(self, text: str) -> tuple[str, bool]:
        """Take new text; return what is safe to emit, and whether a stop string was met.
        After that, nothing more comes."""
        if self._stopped:
            self._cut_off += len(text)
            return "", True
        if self._dropping:
            rest = text.lstrip()
            self.dropped += len(text) - len(rest)
            if not rest:
                return "", False
            text, self._dropping = rest, False
        held = self._held + text
        pending = self._first_beginning(held)
        match = self._first_match(held)
        if match <= pending and match < len(held):
            return self._cut(held, match), True
        self._held = held[pending:]
        return held[:pending], False

    def finish(self) -> str:
        """The held text, as generation is over. It is still cut at a match that only waited
        for an earlier one; `stopped` tells."""
        held = self._held
        match = self._first_match(held)
        if match < len(held):
            return self._cut(held, match)
        self._held = ""
        return held

    def _cut(self, held: str, at: int) -> str:
        self._stopped = True
        self._held, self._cut_off = "", len(held) - at
        return held[:at]

    def _first_match(self, held: str) -> int:
        """Where the first whole stop string begins; the text's end if there is none."""
        found = (held.find(stop) for stop in self._stops)
        return min((at for at in found if at >= 0), default=len(held))

    def _first_beginning(self, held: str) -> int:
        """Where the first suffix begins that more text could turn into a stop string."""
        first = len(held)
        for stop in self._stops:
            at = held.find(stop[0], max(0, len(held) - len(stop) + 1), first)
            while at >= 0:
                if stop.startswith(held[at:]):
                    first = at
                    break
                at = held.find(stop[0], at + 1, first)
        return first
