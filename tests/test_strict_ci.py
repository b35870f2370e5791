"""The CI plugin: what does not run fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: Without the plugins that are installed: importing them takes most of the time.
ALONE = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
SETTINGS = "[pytest]\nmarkers = figures: full figures\n"


@pytest.mark.parametrize(
    ("body", "options", "code"),
    [
        ("def test_a(): pass", [], 0),
        ("def test_a(): pytest.skip('x')", [], 1),
        ("@pytest.mark.skip\ndef test_a(): pass", [], 1),
        ("pytest.skip('x', allow_module_level=True)", [], 1),
        ("def test_a(): pass\ndef test_b(): pass", ["-k", "test_a"], 1),
        (
            "def test_a(): pass\n@pytest.mark.figures\ndef test_b(): pass",
            ["-m", "not figures"],
            0,
        ),
        ("@pytest.mark.xfail(strict=True)\ndef test_a(): assert False", [], 0),
        ("def test_a(): assert False", [], 1),
    ],
)
def test_exit_code(tmp_path: Path, body: str, options: list[str], code: int) -> None:
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "test_it.py").write_text(f"import pytest\n\n{body}\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.strict_ci", "--rootdir", str(tmp_path)]
    command += ["-c", str(tmp_path / "pytest.ini"), "-p", "no:cacheprovider", *options]
    ended = subprocess.run(
        [*command, str(tmp_path)], cwd=ROOT, env=ALONE, capture_output=True, text=True
    )
    assert (ended.returncode != 0) == bool(code), ended.stdout
    if "skip" in body or "-k" in options:
        assert "not run, which counts as failed here" in ended.stdout
