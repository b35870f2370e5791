"""Tokens and requests of each API key: since the start, and today."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from app.engine.stats import DayUsage, TokenUsage

#: Rows in /metrics: key names may change at each reload of the key file, and Prometheus keeps a
#: time series for each.
MAX_KEY_NAMES = 10_000
#: The row of all further names.
OTHER_KEYS = "other"
DAY_S = 86_400


class UsageByKey:
    """Written by the engine thread only; any thread may read. Days are UTC."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """clock: Unix seconds."""
        self._clock = clock
        self._started_at = int(clock())
        self._day = self._current_day()
        self._totals: dict[str, TokenUsage] = {}
        self._today: dict[str, TokenUsage] = {}

    def count(
        self,
        key_name: str,
        *,
        requests: int = 0,
        prompt_tokens: int = 0,
        generation_tokens: int = 0,
        cached_tokens: int = 0,
    ) -> None:
        """Add to the rows of a key, in total and today."""
        day = self._current_day()
        if day != self._day:
            # In this order, so that a reader never takes yesterday's numbers for today's.
            self._today = {}
            self._day = day
        known = key_name in self._totals or len(self._totals) < MAX_KEY_NAMES
        for rows, name in (
            (self._totals, key_name if known else OTHER_KEYS),
            (self._today, key_name),
        ):
            row = rows.get(name)
            if row is None:
                row = rows[name] = TokenUsage()
            row.requests += requests
            row.prompt_tokens += prompt_tokens
            row.generation_tokens += generation_tokens
            row.cached_tokens += cached_tokens

    def totals(self) -> tuple[tuple[str, TokenUsage], ...]:
        """(key name, its usage since the start), in the order of their first requests."""
        return tuple((name, replace(row)) for name, row in self._totals.copy().items())

    def today(self, key_name: str) -> DayUsage:
        """A key's usage since midnight UTC, or since the start if that was later."""
        day = self._current_day()
        row = self._today.get(key_name) if day == self._day else None
        usage = TokenUsage() if row is None else replace(row)
        return DayUsage(max(day * DAY_S, self._started_at), usage)

    def _current_day(self) -> int:
        return int(self._clock() // DAY_S)
