"""The tags between which models write their thinking."""

from __future__ import annotations

START_TAG, END_TAG = "<think>", "</think>"


def mentions_reasoning_tags(source: str | None) -> bool:
    """Whether a chat template (None: Alpaca) knows the tags: then its model thinks, or can."""
    return source is not None and (START_TAG in source or END_TAG in source)
