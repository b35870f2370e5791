"""All tests, in two pytest processes: those with clocks, and the others in their idle time.

Knows nothing about the tests but which folders hold no clock that a busy machine could upset.
Tests with clocks mostly wait, for a server, a browser or a client; what they leave of the cores
goes to the others, which run at the lowest priority; the few tests marked `quiet` wait for their
end. Arguments go to both processes.
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

#: Folders whose tests either have no limit in seconds, or one that is far off.
WITHOUT_CLOCKS = (
    "api",
    "architecture",
    "benchmarks",
    "checkpoint",
    "clients",
    "conformance",
    "cpus",
    "fuzz",
    "lora",
    "model",
    "openapi",
    "playground",
    "prompts",
    "real",
    "protocol",
    "structured_output",
    "tokenizer",
)
LOWEST = ("nice", "-n", "19")


def main(arguments: Sequence[str]) -> int:
    """Run both; returns 0 if all passed, else the first exit status that is not 0."""
    pytest = (sys.executable, "-m", "pytest", *arguments)
    folders = [str(FOLDER / name) for name in WITHOUT_CLOCKS]
    ignored = [f"--ignore={folder}" for folder in folders]
    with tempfile.TemporaryFile("w+") as output:
        # The cache of what failed last belongs to the process in front.
        command = [*LOWEST, *pytest, "-p", "no:cacheprovider", *folders]
        beside = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            command = [*pytest, "-p", "tests.quiet_last", *ignored, str(FOLDER)]
            environ = {**os.environ, BESIDE: str(beside.pid)}
            in_front = subprocess.run(command, env=environ, check=False).returncode
            statuses = (in_front, beside.wait())
        finally:
            beside.kill()
        _print(output)
    print(f"exit status: {statuses[0]} of the tests with clocks, {statuses[1]} of the others")
    return statuses[0] or statuses[1]


def _print(output: IO[str]) -> None:
    """What the process beside wrote, after what the one in front wrote."""
    output.seek(0)
    for line in output:
        sys.stdout.write(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
