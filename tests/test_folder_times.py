"""The plugin that prints each folder's seconds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.folder_times import folder

ROOT = Path(__file__).resolve().parents[1]
#: Without the plugins that are installed: importing them takes most of the time.
ALONE = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
SLEEPY = "import time\n\ndef test_b():\n    time.sleep(0.3)\n\ndef test_c():\n    assert False\n"
SET_UP = "import time, pytest\n\n@pytest.fixture\ndef it():\n    time.sleep(0.6)\n\n"


@pytest.mark.parametrize(
    ("nodeid", "name"),
    [
        ("tests/real/test_ids.py::test_a[x/y]", "real"),
        ("tests/model/cpu_kernels/test_decoder.py::TestIt::test_a", "model"),
        ("tests/test_config.py::test_a", "tests"),
        ("first/test_it.py::test_a", "first"),
        ("test_it.py::test_a", "tests"),
    ],
)
def test_the_folder_under_tests(nodeid: str, name: str) -> None:
    assert folder(nodeid) == name


def test_the_table(tmp_path: Path) -> None:
    """Fixtures count, failures count, and the slowest comes first."""
    for name, body in (("short", SLEEPY), ("long", SET_UP + "def test_a(it): pass\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"test_{name}.py").write_text(body)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.folder_times",
        "--rootdir",
        str(tmp_path),
    ]
    command += ["-c", "/dev/null", "-p", "no:cacheprovider", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, env=ALONE, capture_output=True, text=True)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    _, table = ended.stdout.split("seconds of each folder")
    rows = re.findall(r"^(\w[\w ]*?) +(\d+) tests +(\d+\.\d) s$", table, re.MULTILINE)
    assert [(name, int(tests)) for name, tests, _ in rows] == [
        ("long", 1),
        ("short", 2),
        ("sum", 3),
        ("whole run", 3),
    ]
    first, second, total, whole = (float(seconds) for _, _, seconds in rows)
    assert first >= 0.6 and second >= 0.3
    assert abs(first + second - total) < 0.2 and whole >= total - 0.1
