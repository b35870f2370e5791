"""The command refuses damaged GGUF files within seconds, in little memory."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.checkpoint.hostile_gguf import CASES, Damage, valid
from tests.harness.server import ROOT

#: KiB of address space: interpreter and libraries take a third of it.
LIMITED = ("bash", "-c", 'ulimit -v 1000000; exec "$@"', "-")
CHECK = (sys.executable, "wsgi.py", "--check", "--only_cpu", "--base_model")
SECONDS = 10.0


def assert_refused(path: Path, damage: Damage, words: str) -> None:
    raw = valid()
    damage(raw)
    assert_check_refuses(raw.write(path), words)


def assert_check_refuses(path: Path, words: str) -> None:
    """--check of the model at `path` ends soon, with one line that contains `words`."""
    command = (*LIMITED, *CHECK, str(path))
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert time.monotonic() - start < SECONDS
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert re.search(words, line), line


@pytest.mark.figures
@pytest.mark.parametrize(("name", "damage", "words"), CASES, ids=[case[0] for case in CASES])
def test_all(tmp_path: Path, name: str, damage: Damage, words: str) -> None:
    assert_refused(tmp_path / "model.gguf", damage, words)


def test_one(tmp_path: Path) -> None:
    (case,) = [case for case in CASES if case[0] == "2**60 tokens"]
    assert_refused(tmp_path / "model.gguf", case[1], case[2])
