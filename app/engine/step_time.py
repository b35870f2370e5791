"""A model of a step's duration by its number of tokens, and the prefill budget that follows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

#: A step with prefill may take this many times as long as a step of the decode rows alone.
MAX_STEP_SLOWDOWN = 2.0


@dataclass(frozen=True, slots=True)
class StepTimeModel:
    """Interpolates measured steps: pairs of (tokens, seconds), both increasing."""

    points: Sequence[tuple[int, float]]

    def seconds(self, tokens: int) -> float:
        """Duration of a step of `tokens`; proportional beyond the largest measured step."""
        sizes = [size for size, _ in self.points]
        index = bisect_left(sizes, tokens)
        if index == len(sizes):
            size, time = self.points[-1]
            return time * tokens / size
        size, time = self.points[index]
        if index == 0 or size == tokens:
            return time
        smaller, shorter = self.points[index - 1]
        return shorter + (time - shorter) * (tokens - smaller) / (size - smaller)

    def prefill_budget(self, decode_rows: int, chunk_tokens: int, max_tokens: int) -> int:
        """Prompt tokens for a step with `decode_rows`: a multiple of `chunk_tokens`, at least
        one chunk and at most `max_tokens`, within MAX_STEP_SLOWDOWN."""
        limit_s = MAX_STEP_SLOWDOWN * self.seconds(decode_rows)
        tokens = chunk_tokens
        while (
            tokens + chunk_tokens <= max_tokens
            and self.seconds(decode_rows + tokens + chunk_tokens) <= limit_s
        ):
            tokens += chunk_tokens
        return tokens


#: Without measurements: every token of a step costs the same.
UNTIMED = StepTimeModel(((1, 1.0),))
