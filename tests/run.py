"""All tests, in two pytest processes: those with limits in seconds, and beside them the others.

Tests with limits mostly wait, for a server, a browser or a client; what they leave of the cores
goes to the others, which run at the lowest priority; the few tests marked `quiet` wait for their
end. Of the others the unit tests come first, and measure the coverage of app/: measured, Python
code takes 1.7 times as long, so no other test is. Arguments go to all processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
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
#: Of the others, those that are no unit tests.
UNMEASURED = tuple(sorted(TIERS.keys() - set(WITH_LIMITS)))
LOWEST = ("nice", "-n", "19")
THE_OTHERS = "--the-others"


def main(arguments: Sequence[str]) -> int:
    """Run both; returns 0 if all passed, else the first exit status that is not 0."""
    with tempfile.TemporaryFile("w+") as output:
        command = [*LOWEST, sys.executable, "-m", "tests.run", THE_OTHERS, *arguments]
        beside = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            environ = {**os.environ, BESIDE: str(beside.pid)}
            command = [*_pytest(arguments, WITH_LIMITS), "-p", "tests.quiet_last"]
            status = subprocess.run(command, env=environ, check=False).returncode
            statuses = (status, beside.wait())
        finally:
            _kill(beside)
        _print(output)
    print(f"exit status: {statuses[0]} of the tests with limits, {statuses[1]} of the others")
    return statuses[0] or statuses[1]


def run_the_others(arguments: Sequence[str]) -> int:
    """Run first the unit tests under coverage, then the rest."""
    # The cache of what failed last belongs to the process in front.
    arguments = [*arguments, "-p", "no:cacheprovider"]
    environ = dict(os.environ)
    if sys.version_info >= (3, 12):
        environ["COVERAGE_CORE"] = "sysmon"  # costs little, and is not there before 3.12
    python, *words = _pytest([*arguments, "--tier", UNIT], ())
    command = [python, "-m", "coverage", "run", *words]
    statuses = [subprocess.run(command, env=environ, check=False).returncode]
    command = [python, "-m", "coverage", "report", "--format=total"]
    total = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    print(f"coverage of app/ by the unit tests, compiled kernels apart: {total} % of lines "
          "(for each file: python -m coverage report)", flush=True)  # fmt: skip
    command = _pytest(arguments, UNMEASURED)
    statuses.append(subprocess.run(command, check=False).returncode)
    return max(statuses)


def _pytest(arguments: Sequence[str], paths: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", *arguments, *(str(FOLDER / path) for path in paths)]


def _kill(beside: subprocess.Popen[bytes]) -> None:
    """With the pytest that it runs, if it still runs."""
    if beside.poll() is None:
        for child in psutil.Process(beside.pid).children(recursive=True):
            child.kill()
        beside.kill()


def _print(output: IO[str]) -> None:
    """What the process beside wrote, after what the one in front wrote."""
    output.seek(0)
    for line in output:
        sys.stdout.write(line)


if __name__ == "__main__":
    if sys.argv[1:2] == [THE_OTHERS]:
        sys.exit(run_the_others(sys.argv[2:]))
    sys.exit(main(sys.argv[1:]))
