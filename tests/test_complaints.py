"""docs/complaints.md: every complaint is there, and every test it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROWS = re.findall(
    r"^\| (\d+) \| (.+?) \| (.+) \|$", (ROOT / "docs/complaints.md").read_text(), re.M
)


def test_none_is_missing() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, 39))


@pytest.mark.parametrize(("number", "answer"), [(row[0], row[2]) for row in ROWS])
def test_what_holds_it_off_exists(number: str, answer: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", answer)
    assert len(named) == answer.count("`tests/"), "a file alone is no test"
    assert named or "Cannot arise" in answer, number
    for path, name in named:
        assert (ROOT / path).is_file(), f"{number}: {path}"
        assert f"\ndef {name}(" in (ROOT / path).read_text(), f"{number}: {path}::{name}"
