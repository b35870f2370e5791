"""Tokens of a text, by their numbers in the vocabulary."""

from __future__ import annotations

TokenIds = tuple[int, ...]
