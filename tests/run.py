"""All tests, in three pytest processes: one for tests with limits in seconds, two beside it.

Tests with limits mostly wait, for a server, a browser or a client. What they leave of the cores
goes to the unit tests and to all other tests without limits, which run at the lowest priority. The
few tests marked `quiet` wait until those have ended. The unit tests measure the coverage of app/:
under coverage Python takes 1.7 times as long, so no other test is measured. Arguments go to all
three processes.
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
#: The others that are no unit tests.
WITHOUT_LIMITS = tuple(sorted(TIERS.keys() - set(WITH_LIMITS)))
LOWEST = ("nice", "-n", "19")
UNIT_TESTS = "--unit-tests"


@dataclass(frozen=True, slots=True)
class Beside:
    """A process that runs tests at the lowest priority, and its output."""

    process: subprocess.Popen[bytes]
    output: IO[str]


def main(arguments: Sequence[str]) -> int:
    """Run all three; returns 0 if all passed, else the first exit status that is not 0."""
    # The cache of what failed last belongs to the process in front.
    others = [*arguments, "-p", "no:cacheprovider"]
    beside = [
        _start([sys.executable, "-m", "tests.run", UNIT_TESTS, *others]),
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
    print(f"exit statuses: {statuses[0]} of the tests with limits, {statuses[1]} of the unit tests,"
          f" {statuses[2]} of the others")  # fmt: skip
    return next((status for status in statuses if status), 0)


def run_unit_tests(arguments: Sequence[str]) -> int:
    """Run the unit tests under coverage, and print how much of app/ they cover."""
    environ = dict(os.environ)
    if sys.version_info >= (3, 12):
        environ["COVERAGE_CORE"] = "sysmon"  # costs little, and is not there before 3.12
    python, *words = _pytest([*arguments, "--tier", UNIT], ())
    command = [python, "-m", "coverage", "run", *words]
    status = subprocess.run(command, env=environ, check=False).returncode
    command = [python, "-m", "coverage", "report", "--format=total"]
    total = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    print(f"coverage of app/ by the unit tests, compiled kernels apart: {total} % of lines "
          "(for each file: python -m coverage report)", flush=True)  # fmt: skip
    return status


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
    if sys.argv[1:2] == [UNIT_TESTS]:
        sys.exit(run_unit_tests(sys.argv[2:]))
    sys.exit(main(sys.argv[1:]))
