"""All tests, in two pytest processes: those with limits in seconds, and beside them the others.

Tests with limits mostly wait, for a server, a browser or a client; what they leave of the cores
goes to the others, which run at the lowest priority; the few tests marked `quiet` wait for their
end. The others' coverage of app/ is measured and printed. Arguments go to both processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tests.quiet_last import BESIDE

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
LOWEST = ("nice", "-n", "19")


def main(arguments: Sequence[str]) -> int:
    """Run both; returns 0 if all passed, else the first exit status that is not 0."""
    pytest = ("-m", "pytest", *arguments)
    in_front = [str(FOLDER / path) for path in WITH_LIMITS]
    ignored = [f"--ignore={path}" for path in in_front]
    with tempfile.TemporaryFile("w+") as output:
        # The cache of what failed last belongs to the process in front.
        command = [*LOWEST, sys.executable, "-m", "coverage", "run", *pytest]
        command += ["-p", "no:cacheprovider", *ignored, str(FOLDER)]
        beside = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            command = [sys.executable, *pytest, "-p", "tests.quiet_last", *in_front]
            environ = {**os.environ, BESIDE: str(beside.pid)}
            status = subprocess.run(command, env=environ, check=False).returncode
            statuses = (status, beside.wait())
        finally:
            beside.kill()
        _print(output)
    _print_coverage()
    print(f"exit status: {statuses[0]} of the tests with limits, {statuses[1]} of the others")
    return statuses[0] or statuses[1]


def _print(output: IO[str]) -> None:
    """What the process beside wrote, after what the one in front wrote."""
    output.seek(0)
    for line in output:
        sys.stdout.write(line)


def _print_coverage() -> None:
    """Servers run in processes of their own, which would be slower for being measured."""
    command = (sys.executable, "-m", "coverage", "report", "--format=total")
    total = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    print(f"coverage of app/ by the tests without limits in seconds, compiled kernels apart: "
          f"{total} % of lines (for each file: python -m coverage report)")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
