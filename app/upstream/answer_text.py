"""The text of one choice: leading white space dropped, cut at its first stop string, and the
logprobs of the tokens that are in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.engine.events import TokenLogprob
from app.engine.stop_strings import StopStringMatcher

Piece = tuple[str, tuple[TokenLogprob, ...]]


class AnswerText:
    """Takes what an upstream sends. An upstream cuts at the stop string that is complete first, or
    that stands first in the list; ours is the one that begins first."""

    def __init__(
        self, stops: tuple[str, ...], *, drop_leading_space: bool, is_exact: bool = False
    ) -> None:
        """stops: () leaves them to the upstream. White space after a template is part of the
        template's form. is_exact: the upstream's logprobs are those of its text already."""
        self._matcher = StopStringMatcher(stops, drop_leading_space)
        self._is_exact = is_exact
        self._given = 0  #: characters, those of an echoed prompt included
        self._waiting: list[TokenLogprob] = []

    @property
    def found(self) -> str | None:
        """The stop string that has cut the text."""
        return self._matcher.found

    def follow(self, prompt: str) -> None:
        """The answer comes after an echoed prompt, and offsets count from its beginning."""
        self._given += len(prompt)

    def push(self, text: str, logprobs: Sequence[TokenLogprob]) -> Piece:
        """What of it can be given: a token comes with the first of its text."""
        given, _ = self._matcher.push(text)
        self._waiting += logprobs
        return self._piece(given)

    def finish(self, *, stopped: bool) -> Piece:
        """What was held back, at the end of the choice. stopped: at a stop string or at the end
        of sequence, so that tokens without text are none of the answer's."""
        text, logprobs = self._piece("" if self.found else self._matcher.finish())
        if stopped or self.found:
            self._waiting = []
        return text, (*logprobs, *map(self._moved, self._waiting))

    def _piece(self, text: str) -> Piece:
        self._given += len(text)
        moved = [self._moved(each) for each in self._waiting]
        inside = sum(each.offset < self._given or self._is_exact for each in moved)
        del self._waiting[:inside]
        return text, tuple(moved[:inside])

    def _moved(self, logprob: TokenLogprob) -> TokenLogprob:
        """With its offset in the text that is given."""
        dropped = self._matcher.dropped
        return replace(logprob, offset=max(0, logprob.offset - dropped)) if dropped else logprob
