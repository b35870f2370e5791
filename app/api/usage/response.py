"""The answer of /v1/usage."""

from __future__ import annotations

from datetime import UTC, datetime

from app.engine.stats import DayUsage


def usage_body(key_name: str, day: DayUsage) -> dict[str, object]:
    """One key's day."""
    usage = day.usage
    return {
        "object": "usage",
        "key_name": key_name,
        "date": datetime.fromtimestamp(day.start_time, UTC).date().isoformat(),
        "start_time": day.start_time,
        "requests": usage.requests,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.generation_tokens,
        "cached_tokens": usage.cached_tokens,
    }
