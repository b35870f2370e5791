"""One choice's text as its tokens arrive: bytes, characters, stop strings.

Knows nothing about sampling or scheduling.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.text.decoder import IncrementalDecoder
from app.text.stops import StopFinder


class Answer:
    """Owned by the engine thread."""

    def __init__(
        self, token_bytes: Sequence[bytes], stop: tuple[str, ...], drop_leading_space: bool
    ) -> None:
        self._decoder = IncrementalDecoder(token_bytes)
        self._finder = StopFinder(stop, drop_leading_space)

    def push(self, token_id: int) -> tuple[str, bool]:
        """Text that is certain now, and whether a stop string has ended the answer."""
        return self._finder.push(self._decoder.push(token_id))

    def finish(self) -> tuple[str, bool]:
        """The text still held back; True when a stop string turned out to be in it."""
        text, stopped = self._finder.push(self._decoder.finish())
        if not stopped:
            text += self._finder.finish()
        return text, self._finder.stopped
