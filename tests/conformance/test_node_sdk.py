"""The openai package for Node, unmodified, installed once through npm into build/node.

Knows nothing about what the scripts check: each prints the names of the checks it passed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conformance.test_python_sdk import full, refused
from tests.harness.client import COMPLETIONS
from tests.harness.server import ROOT, Server
from tests.harness.waiting import wait_until

SOURCE = Path(__file__).parent / "node"
TARGET = ROOT / "build" / "node"


@pytest.fixture(scope="module")
def node() -> str:
    """The program, beside which the package and our scripts lie."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        message = "node and npm are not installed"
        assert os.environ.get("CI") != "true", message
        pytest.skip(message)
    TARGET.mkdir(parents=True, exist_ok=True)
    wanted = (SOURCE / "package.json").read_bytes()
    marker = TARGET / "installed.json"
    if not marker.is_file() or marker.read_bytes() != wanted:
        shutil.copy(SOURCE / "package.json", TARGET)
        command = [npm, "install", "--no-audit", "--no-fund", "--loglevel", "error"]
        subprocess.run(command, cwd=TARGET, check=True, timeout=120)
        marker.write_bytes(wanted)
    for script in SOURCE.glob("*.mjs"):
        shutil.copy(script, TARGET)
    return program


def test_every_call(node: str, server: Server) -> None:
    command = [node, "calls.mjs", f"{server.url}/v1"]
    done = subprocess.run(command, cwd=TARGET, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 9
    wait_until(lambda: server.client.in_flight() == 0, lambda: "a stream that was left runs on")


def test_retries_until_there_is_room(node: str, small_server: Server) -> None:
    before = refused(small_server, COMPLETIONS)
    command = [node, "retry.mjs", f"{small_server.url}/v1"]
    with full(small_server):
        process = subprocess.Popen(
            command, cwd=TARGET, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        wait_until(
            lambda: refused(small_server, COMPLETIONS) > before, lambda: "it was not refused"
        )
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert output.strip()
