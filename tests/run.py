"""All tests, in five pytest processes: one for tests with limits in seconds, four beside it.

Tests with limits mostly wait, for a server, a browser or a client. What they leave of the cores
goes to the unit tests and to all other tests without limits, which run at the lowest priority. The
few tests marked `quiet` wait until those have ended. Coverage is not measured here: under it Python
takes 1.7 times as long. Arguments go to all processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from tests.quiet_last import BESIDE
from tests.tiers import TIERS, UNIT

FOLDER = Path(__file__).parent

#: Paths under tests/ whose tests have limits in seconds, or start servers that have.
WITH_LIMITS = (
    "browser",
    "conformance",
    "deploy",
    "e2e",
    "hostile_schemas",
    "server/test_check_report.py",
    "server/test_template_at_start.py",
    "server/test_worker.py",
    "stack",
)
#: The others that are no unit tests, in halves of about the same time.
FIRST_WITHOUT_LIMITS = ("cpus", "fuzz")
WITHOUT_LIMITS = tuple(sorted(TIERS.keys() - {*WITH_LIMITS, *FIRST_WITHOUT_LIMITS}))
LOWEST = ("nice", "-n", "19")
#: Folders of unit tests that take half of their time together.
FIRST_UNIT_TESTS = ("api", "engine")


@dataclass(frozen=True, slots=True)
class Beside:
    """A process that runs tests at the lowest priority, and its output."""

    process: subprocess.Popen[bytes]
    output: IO[str]


def main(arguments: Sequence[str]) -> int:
    """Run all five; returns 0 if all passed, else the first exit status that is not 0."""
    # The cache of what failed last belongs to the process in front.
    others = [*arguments, "-p", "no:cacheprovider"]
    beside = [
        _start(_unit_tests(others, FIRST_UNIT_TESTS)),
        _start(_unit_tests(others, other_unit_tests())),
        _start(_pytest(others, FIRST_WITHOUT_LIMITS)),
        _start(_pytest(others, WITHOUT_LIMITS)),
    ]
    try:
        pids = ",".join(str(each.process.pid) for each in beside)
        command = [*_pytest(arguments, WITH_LIMITS), "-p", "tests.quiet_last"]
        environ = {**os.environ, BESIDE: pids}
        statuses = [subprocess.run(command, env=environ, check=False).returncode]
        statuses += [each.process.wait() for each in beside]
    finally:
        for each in beside:
            _kill(each.process)
            _print(each.output)
    front, *units, one, other = statuses
    print(f"exit statuses: {front} of the tests with limits, {units} of the unit tests, {one} and "
          f"{other} of the others")  # fmt: skip
    return next((status for status in statuses if status), 0)


def other_unit_tests() -> tuple[str, ...]:
    """What lies in tests/ beside FIRST_UNIT_TESTS and may be or hold unit tests."""
    entries = (*FOLDER.glob("test_*.py"), *FOLDER.glob("*/"))
    names = {path.name for path in entries if not path.name.startswith(("_", "."))}
    return tuple(sorted(names - set(FIRST_UNIT_TESTS)))


def _unit_tests(arguments: Sequence[str], paths: Sequence[str]) -> list[str]:
    """The command of one process of unit tests."""
    return _pytest([*arguments, "--tier", UNIT], paths)


def _start(command: Sequence[str]) -> Beside:
    output = tempfile.TemporaryFile("w+")  # read when the process has ended
    process = subprocess.Popen([*LOWEST, *command], stdout=output, stderr=subprocess.STDOUT)
    return Beside(process, output)


def _pytest(arguments: Sequence[str], paths: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", *arguments, *(str(FOLDER / path) for path in paths)]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With its children, if it still runs."""
    if process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()


def _print(output: IO[str]) -> None:
    """What a process beside wrote, after what the one in front wrote."""
    output.seek(0)
    for line in output:
        sys.stdout.write(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
