"""Every test has one tier, and the table names what exists."""

from __future__ import annotations

import re

import pytest

from tests.tiers import FOLDER, TIERS, UNIT, tier_of

#: What starts a server or a browser.
STARTERS = re.compile(
    r"^from (tests\.(harness\.server import .*\b(running|Server)\b|server\.conftest|stack)"
    r"|playwright)",
    re.MULTILINE,
)

#: Clocks that go on while others use the machine; CPU time may be read.
CLOCKS = re.compile(r"\btime\.(monotonic|perf_counter|time)(_ns)?\(")


def unit_tests(having: re.Pattern[str]) -> list[str]:
    """The files of the unit tier in which there is such a text."""
    return [
        str(path.relative_to(FOLDER))
        for path in FOLDER.rglob("test_*.py")
        if tier_of(path) == UNIT and having.search(path.read_text())
    ]


@pytest.mark.parametrize(
    ("path", "tier"),
    [
        ("test_config.py", UNIT),
        ("engine/test_scheduler.py", UNIT),
        ("e2e/test_errors.py", "e2e"),
        ("server/test_worker.py", "e2e"),
        ("stack/test_kills.py", "stack"),
        ("browser/test_chat.py", "browser"),
    ],
)
def test_a_tier_comes_from_the_path(path: str, tier: str) -> None:
    assert tier_of(FOLDER / path) == tier


def test_the_table_names_what_exists() -> None:
    assert [path for path in TIERS if not (FOLDER / path).exists()] == []


def test_no_unit_test_starts_a_server() -> None:
    assert unit_tests(STARTERS) == []


def test_no_unit_test_reads_a_clock() -> None:
    assert unit_tests(CLOCKS) == []


def test_each_test_is_marked(request: pytest.FixtureRequest) -> None:
    for item in request.session.items:
        (mark,) = (mark for mark in item.iter_markers() if mark.name in {UNIT, *TIERS.values()})
        assert mark.name == tier_of(item.path)
