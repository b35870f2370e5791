"""Detects a step that does not end, from how long steps took before."""

from __future__ import annotations

import time

#: A step hangs when it takes longer than this and longer than HUNG_AFTER_TIMES its usual time.
HUNG_AFTER_S = 60.0
HUNG_AFTER_TIMES = 10
#: The longest time per token is multiplied by this at each step, so that one slow step is
#: forgotten.
STEP_TIME_DECAY = 0.99


class StepWatchdog:
    """The engine thread writes; any thread may call `hung`."""

    def __init__(self, hung_after_s: float = HUNG_AFTER_S) -> None:
        self._hung_after_s = hung_after_s
        self._started_at = 0.0  #: monotonic; 0 between steps
        self._max_token_s = 0.0  #: the longest time per token of a step, decaying; 0: unknown

    def step_started(self) -> None:
        """Note the start of a step."""
        self._started_at = time.monotonic()

    def step_computed(self, tokens: int) -> None:
        """Note the duration of a step of `tokens`."""
        token_s = (time.monotonic() - self._started_at) / tokens
        self._max_token_s = max(token_s, self._max_token_s * STEP_TIME_DECAY)

    def step_ended(self) -> None:
        """Note the end of a step, computed or failed."""
        self._started_at = 0.0

    def hung(self, tokens: int) -> bool:
        """Whether the step of `tokens` that runs now takes much longer than usual. Until a step
        has been measured, `hung_after_s` counts as its usual time."""
        started_at = self._started_at
        if not started_at:
            return False
        usual_s = self._max_token_s * tokens or self._hung_after_s
        return time.monotonic() - started_at > max(self._hung_after_s, HUNG_AFTER_TIMES * usual_s)
