"""docs/threats.md: every threat is there, and what holds it off exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fuzz.corpus import CASES

ROOT = Path(__file__).resolve().parents[2]
ROWS = re.findall(
    r"^\| (\d+) \| (.+?) \| (.+?) \| (.+) \|$", (ROOT / "docs/threats.md").read_text(), re.M
)


def test_none_is_missing() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, 30))
    claimed = {int(row[0]) for row in ROWS if "*corpus*" in row[3]}
    assert {case.threat for case in CASES} == claimed


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_holds_it_off_exists(row: tuple[str, ...]) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row[3])
    assert named and len(named) == row[3].count("`tests/")
    for path, name in named:
        assert f"\ndef {name}(" in (ROOT / path).read_text(), f"{path}::{name}"


def test_every_requirement_is_pinned() -> None:
    for file in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / file).read_text().splitlines():
            assert re.match(r"-r requirements\.txt$|[\w.-]+==[\w.]+(; |$)", line), line
