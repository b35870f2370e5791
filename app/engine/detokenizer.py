"""One choice's text as its tokens arrive: bytes, characters, stop strings.

Knows nothing about sampling or scheduling.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from app.engine.stop_strings import StopStringMatcher
from app.engine.types import TokenLogprob
from app.tokenizer.token_offsets import OffsetDetokenizer, TokenSpan


class Detokenizer:
    """Owned by the engine thread."""

    def __init__(
        self, token_bytes: Sequence[bytes], stop: tuple[str, ...], drop_leading_space: bool
    ) -> None:
        self._decoder = OffsetDetokenizer(token_bytes)
        self._stop_matcher = StopStringMatcher(stop, drop_leading_space)
        self._untold: deque[tuple[TokenSpan, TokenLogprob]] = deque()

    def push(self, token_id: int, logprob: TokenLogprob | None = None) -> tuple[str, bool]:
        """Text that is certain now, and whether a stop string has ended the answer."""
        place = self._decoder.push(token_id)
        if logprob is not None:
            self._untold.append((place, logprob))
        return self._stop_matcher.push(place.text)

    def finish(self) -> tuple[str, bool]:
        """The text still held back; True when a stop string turned out to be in it."""
        text, stopped = self._stop_matcher.push(self._decoder.finish())
        if not stopped:
            text += self._stop_matcher.finish()
        return text, self._stop_matcher.stopped

    def release_logprobs(self) -> tuple[TokenLogprob, ...]:
        """Those of the pushed logprobs that may be told now, each once: a token's comes with
        the first of its text, so that none is told of a token that is then cut off whole."""
        given = self._decoder.length - self._stop_matcher.held_back
        told = []
        while self._untold:
            place, logprob = self._untold[0]
            # A token without any text goes with what stands before it, but not after a cut.
            whole = place.end <= given and not self._stop_matcher.stopped
            if not (place.start < given or whole):
                break
            self._untold.popleft()
            offset = max(0, place.start - self._stop_matcher.dropped)
            told.append(replace(logprob, offset=offset))
        return tuple(told)
