"""A pytest plugin: at the end, how many seconds each folder of tests took.

Knows nothing about the tests or their bounds. What a fixture needs counts for the folder whose
test asked for it first.
"""

from __future__ import annotations

import time
from collections import Counter

import pytest


class FolderTimes:
    """Adds up what pytest reports."""

    def __init__(self) -> None:
        self.seconds, self.tests = Counter[str](), Counter[str]()
        self.began = time.perf_counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One of a test's three phases has ended."""
        self.seconds[folder(report.nodeid)] += report.duration
        self.tests[folder(report.nodeid)] += report.when == "call"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The table, slowest first. Between the sum and the whole lies collecting."""
        if not self.seconds:
            return
        rows = [(name, self.tests[name], seconds) for name, seconds in self.seconds.most_common()]
        rows.append(("sum", self.tests.total(), self.seconds.total()))
        rows.append(("whole run", self.tests.total(), time.perf_counter() - self.began))
        width = max(len(name) for name, _, _ in rows)
        terminalreporter.section("seconds of each folder")
        for name, tests, seconds in rows:
            terminalreporter.write_line(f"{name:<{width}} {tests:>6} tests {seconds:>8.1f} s")


def folder(nodeid: str) -> str:
    """The folder right under tests/ that a test lies in; "tests" itself for those beside it."""
    parts = nodeid.partition("::")[0].split("/")
    if parts[0] == "tests":
        parts = parts[1:]
    return parts[0] if len(parts) > 1 else "tests"


def pytest_configure(config: pytest.Config) -> None:
    """Called by pytest when the plugin is loaded by -p."""
    config.pluginmanager.register(FolderTimes(), "folder_times")
