"""Sentences of tests/data, by language."""

from __future__ import annotations

from pathlib import Path

_ROWS = (Path(__file__).parents[1] / "data" / "tatoeba_en_zh.tsv").read_text().splitlines()
ENGLISH, CHINESE = (sorted({row.split("\t")[column] for row in _ROWS}) for column in (0, 1))
