"""How much of the prompts a step computes beside the running answers."""

from __future__ import annotations

from bisect import bisect_right

from app.engine.prefill_chunking import PrefillChunking
from app.engine.sequence import Sequence
from app.engine.step_time import StepLoad, StepTimeModel

#: Prompt tokens in a step at most.
MAX_PREFILL_TOKENS = 256
#: A step with prefill may take this many times as long as a step of the decode rows alone. With
#: less, prompts that wait would be computed so slowly that too few answers run together.
MAX_SLOWDOWN = 2.4
#: A step that has no time left computes so many tokens at most. Fewer take hardly less time at a
#: deep position, as the prompt's whole cache is read.
SMALL_CHUNK = 4


class PrefillBudget:
    """Owned by the engine thread.

    Where not even one token fits into a step, it is computed all the same, and the time that it
    takes too long is saved in the next steps, so that the limit holds on average.
    """

    def __init__(self, step_times: StepTimeModel, chunking: PrefillChunking) -> None:
        self._times, self._chunking = step_times, chunking
        self._debt_s = 0.0  #: time to save
        self._limit_s = self._max_s = 0.0  #: of the step that is planned; see `start_step`
        self._tokens = 0  #: left in it
        self.load = StepLoad()  #: of the step as planned so far

    @property
    def exhausted(self) -> bool:
        """True when no prompt gets any more tokens in this step."""
        return self._tokens <= 0

    def start_step(self, decode_rows: StepLoad) -> None:
        """Begin to plan a step. Its duration has limits only beside decode rows."""
        self.load, self._tokens = decode_rows, MAX_PREFILL_TOKENS
        if not decode_rows.rows:
            self._limit_s, self._max_s, self._debt_s = float("inf"), float("inf"), 0.0
            return
        usual_s = self._times.seconds(decode_rows)
        allowed_s, self._max_s = (MAX_SLOWDOWN - 1) * usual_s, MAX_SLOWDOWN * usual_s
        self._limit_s = usual_s + allowed_s - self._debt_s
        if self._debt_s >= allowed_s:
            self._tokens = 0
        self._debt_s = max(0.0, self._debt_s - allowed_s)

    def take(self, sequence: Sequence, is_first: bool) -> int:
        """How many tokens of a prompt to compute in this step. is_first: nothing of another
        prompt is computed in it, so this gets at least a small chunk; else it may be 0."""
        start = sequence.num_computed_tokens
        left = sequence.prefill_length - start
        grain = self._chunking.grain(sequence)
        least = min(left, max(grain, self._fitting(start, SMALL_CHUNK, self._max_s)))
        tokens = self._fitting(start, min(left, self._tokens), self._limit_s)
        if tokens < left:
            tokens = tokens // grain * grain
        if tokens < least:
            self._tokens = 0
            if not is_first:
                return 0
            tokens = least
        self.load = self.load.plus(start, tokens)
        self._tokens -= tokens
        self._debt_s += max(0.0, self._times.seconds(self.load) - self._limit_s)
        return tokens

    def _fitting(self, start: int, most: int, limit_s: float) -> int:
        """How many tokens from `start` on, at most `most`, fit into a step of `limit_s`."""
        return bisect_right(
            range(1, most + 1),
            limit_s,
            key=lambda tokens: self._times.seconds(self.load.plus(start, tokens)),
        )
