"""docs/threats.md: every threat is there, and what holds it off exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fuzz.corpus import CASES

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/threats.md").read_text()
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+) \|$", PAGE, re.M)
#: What was measured under load and faults.
MEASURED = re.findall(r"^\| ([A-Z]\d) \| (.+?) \| (.+?) \| (.+) \|$", PAGE, re.M)


def test_none_is_missing() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, 31))
    claimed = {int(row[0]) for row in ROWS if "*corpus*" in row[3]}
    assert {case.threat for case in CASES} == claimed


def test_everything_was_measured() -> None:
    assert len(MEASURED) >= 25
    assert not [row[0] for row in MEASURED if not row[2].strip("? ")]


@pytest.mark.parametrize("row", [*ROWS, *MEASURED], ids=lambda row: row[0])
def test_what_holds_it_off_exists(row: tuple[str, ...]) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row[3])
    assert row[0] == "L3" or named, row
    assert len(named) == len(re.findall(r"`tests/\S+::", row[3]))
    for path, name in named:
        assert f"\ndef {name}(" in (ROOT / path).read_text(), f"{path}::{name}"


def test_every_requirement_is_pinned() -> None:
    for file in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / file).read_text().splitlines():
            assert re.match(r"-r requirements\.txt$|[\w.-]+==[\w.]+(; |$)", line), line
