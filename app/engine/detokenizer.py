"""The text of one answer as its tokens arrive: incremental decoding, stop strings, and the
logprobs that belong to the text."""

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
        """token_bytes: of each token id; drop_leading_space: see `StopStringMatcher`."""
        self._decoder = OffsetDetokenizer(token_bytes)
        self._stop_matcher = StopStringMatcher(stop, drop_leading_space)
        self._pending_logprobs: deque[tuple[TokenSpan, TokenLogprob]] = deque()

    def push(self, token_id: int, logprob: TokenLogprob | None = None) -> tuple[str, bool]:
        """Take a token. Returns the text that is now certain, and whether a stop string has ended
        the answer."""
        span = self._decoder.push(token_id)
        if logprob is not None:
            self._pending_logprobs.append((span, logprob))
        return self._stop_matcher.push(span.text)

    def finish(self) -> tuple[str, bool]:
        """The rest of the text, and whether a stop string is in it."""
        text, stopped = self._stop_matcher.push(self._decoder.finish())
        if not stopped:
            text += self._stop_matcher.finish()
        return text, self._stop_matcher.stopped

    def release_logprobs(self) -> tuple[TokenLogprob, ...]:
        """Logprobs ready to send, each once. Each is released with the first character of its
        token, so a token that a stop string removes never reports one."""
        released_length = self._decoder.length - self._stop_matcher.held_back
        released = []
        while self._pending_logprobs:
            span, logprob = self._pending_logprobs[0]
            has_begun = span.start < released_length
            # A token without text is released with the text before it, but not after a stop.
            has_ended = span.end <= released_length and not self._stop_matcher.stopped
            if not (has_begun or has_ended):
                break
            self._pending_logprobs.popleft()
            offset = max(0, span.start - self._stop_matcher.dropped)
            released.append(replace(logprob, offset=offset))
        return tuple(released)
