"""The text of one answer as its tokens arrive: incremental decoding, thinking, stop strings, and
the logprobs that belong to the text."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.engine.events import TokenLogprob
from app.engine.reasoning_parser import ReasoningParser, ReasoningStage
from app.engine.request import Reasoning
from app.engine.stop_strings import StopStringMatcher
from app.tokenizer.detokenizer import NO_TOKENS
from app.tokenizer.token_offsets import OffsetDetokenizer, TokenSpan


class Detokenizer:
    """Owned by the engine thread."""

    def __init__(
        self,
        token_bytes: Sequence[bytes],
        stop: tuple[str, ...],
        drop_leading_space: bool,
        shown: Mapping[int, bytes] = NO_TOKENS,
        reasoning: Reasoning | None = None,
    ) -> None:
        """token_bytes: of each token id; drop_leading_space: see `StopStringMatcher`; shown:
        special tokens that are text in this answer, and their bytes."""
        self._decoder = OffsetDetokenizer(token_bytes, shown)
        self.parser = ReasoningParser(reasoning) if reasoning else None
        self._stop_matcher = StopStringMatcher(stop, drop_leading_space)
        self._pending_logprobs: deque[tuple[TokenSpan, TokenLogprob]] = deque()
        self._thinking: list[str] = []  #: text not yet taken
        self._counted, self._taken = 0, 0  #: tokens of the thinking
        self._uncounted: deque[int] = deque()  #: where tokens begin that may be the end tag's

    @property
    def thinking_tokens(self) -> int:
        """Tokens of the thinking so far, the tags' own left out; one of the end tag's counts until
        the tag is complete."""
        return self._counted + len(self._uncounted)

    @property
    def stop_string(self) -> str | None:
        """The stop string that has ended the answer; None: none has."""
        return self._stop_matcher.found

    def push(self, token_id: int, logprob: TokenLogprob | None = None) -> tuple[str, bool]:
        """Take a token. Returns the text that is now certain, and whether a stop string has ended
        the answer."""
        span = self._decoder.push(token_id)
        if logprob is not None:
            self._pending_logprobs.append((span, logprob))
        if self.parser is None:
            return self._stop_matcher.push(span.text)
        if self.parser.stage is ReasoningStage.THINKING:
            self._uncounted.append(span.start)
        thinking, text = self.parser.push(span.text)
        self._after_thinking(thinking)
        return self._stop_matcher.push(text)

    def finish(self) -> tuple[str, bool]:
        """The rest of the text, and whether a stop string is in it."""
        rest = self._decoder.finish()
        if self.parser is not None:
            thinking, text = self.parser.push(rest)
            more, end = self.parser.finish()
            self._after_thinking(thinking + more)
            rest = text + end
        text, stopped = self._stop_matcher.push(rest)
        if not stopped:
            text += self._stop_matcher.finish()
        return text, self._stop_matcher.stopped

    def take_reasoning(self) -> tuple[str, int]:
        """Text and tokens of the thinking that are new."""
        text, tokens = "".join(self._thinking), self._counted - self._taken
        self._thinking, self._taken = [], self._counted
        return text, tokens

    def release_logprobs(self) -> tuple[TokenLogprob, ...]:
        """Logprobs ready to send, each once. Each is released with the first character of its
        token, so a token that a stop string removes never reports one."""
        held_back = self._stop_matcher.held_back + (len(self.parser.pending) if self.parser else 0)
        released_length = self._decoder.length - held_back
        skipped = self._stop_matcher.dropped + (self.parser.skipped if self.parser else 0)
        released = []
        while self._pending_logprobs:
            span, logprob = self._pending_logprobs[0]
            has_begun = span.start < released_length
            # A token without text is released with the text before it, but not after a stop.
            has_ended = span.end <= released_length and not self._stop_matcher.stopped
            if not (has_begun or has_ended):
                break
            self._pending_logprobs.popleft()
            released.append(replace(logprob, offset=max(0, span.start - skipped)))
        return tuple(released)

    def _after_thinking(self, thinking: str) -> None:
        """Keep the new text; count tokens, and drop logprobs, that are certainly no answer's."""
        assert self.parser is not None
        if thinking:
            self._thinking.append(thinking)
        while self._uncounted and self._uncounted[0] < self.parser.thinking_end:
            self._uncounted.popleft()
            self._counted += 1
        if self.parser.stage is not ReasoningStage.THINKING:
            self._uncounted.clear()
        while self._pending_logprobs and self.parser.skipped:
            if self._pending_logprobs[0][0].end > self.parser.skipped:
                break
            self._pending_logprobs.popleft()
