"""A pytest plugin for CI: a test that is skipped or left out fails the run.

Knows nothing about the tests. Tests marked `figures` may be left out: they belong to
`make verify`.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest


class StrictCi:
    """Collects what did not run, and says so at the end."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A skip inside a test or its fixtures; an expected failure is none."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self.missed.append(f"skipped: {report.nodeid}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A skip of a whole module."""
        if report.skipped:
            self.missed.append(f"skipped: {report.nodeid}")

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Tests left out by -m or -k."""
        for item in items:
            if item.get_closest_marker("figures") is None:
                self.missed.append(f"left out: {item.nodeid}")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run that would have passed."""
        if self.missed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name what did not run."""
        if self.missed:
            terminalreporter.section("not run, which counts as failed here")
            for line in self.missed:
                terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Called by pytest when the plugin is loaded by -p."""
    config.pluginmanager.register(StrictCi(), "strict_ci")
