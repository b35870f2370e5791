"""docs/faults.md: every fault is there, and every test it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SECTIONS = dict(
    re.findall(
        r"^## (\w+) · .+?\n(.*?)(?=^## |\Z)", (ROOT / "docs/faults.md").read_text(), re.M | re.S
    )
)
EXPECTED = [f"A{number}" for number in range(1, 11)]
EXPECTED += [f"B{number}" for number in range(1, 13) if number != 2]  # B2: 8-bit quality
EXPECTED += [f"C{number}" for number in range(1, 10)]
EXPECTED += ["D2"]


def test_none_is_missing() -> None:
    assert list(SECTIONS) == EXPECTED


@pytest.mark.parametrize("fault", SECTIONS)
def test_its_tests_exist(fault: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", SECTIONS[fault])
    assert len(named) == SECTIONS[fault].count("`tests/"), "a file alone is no test"
    assert named or "(open)" in SECTIONS[fault]
    for path, name in named:
        assert (ROOT / path).is_file(), path
        assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.M), name
