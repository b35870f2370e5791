"""Runs every benchmark and writes what they measured to docs/verification.json.

Knows nothing about what the figures mean. `make verify` runs it after all tests, with nothing else
on the machine.

    python -m benchmarks.verification --tests build/tests.xml [--resume]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HALF = ("--model", "build/random-298m-float16")
FULL = ("--model", "build/random-298m-float32")
RUNS = (
    ("conversation", *HALF),
    ("long_prompt", *HALF),
    ("long_prompt", *HALF, "--load_in_8bit"),
    ("depth",),
    ("depth", "--load_in_8bit"),
    ("embeddings", *FULL),
    ("embeddings", *FULL, "--load_in_8bit"),
    ("embeddings", "--embedded"),
    ("http_cost",),
    ("start",),
    ("neighbour",),
    ("curves", *HALF),
    ("offline", *FULL, "--dtype", "float32"),
    ("offline", *HALF, "--dtype", "float16"),
    ("offline", *HALF, "--dtype", "float16", "--load_in_8bit"),
    ("beams", *HALF),
    ("seven_billion", "--tokens", "8"),
)
#: Only where `benchmarks.peer_install` has put the peers into build/peers.
RUNS_WITH_PEERS = (
    ("online", "--ours", "16bit,float32", "--peers", "vllm-fp32,llama-f32,openvino-fp32"),
    ("online", "--ours", "8bit", "--peers", "vllm-w8a8,llama-q8_0,openvino-int8"),
    ("online", "--ours", "16bit", "--peers", "transformers-batching", "--clients", "16"),
    (
        "online",
        "--ours",
        "16bit",
        "--peers",
        "vllm-fp32",
        "--clients",
        "1",
        "--rates",
        "1",
        "--rounds",
        "1",
    ),
    ("seven_billion", "--load_in_8bit", "--peers", "Q8_0,Q4_K_M"),
)
PEERS_DIR = Path("build/peers")


def measure(name: str, *arguments: str) -> dict[str, object]:
    """A benchmark's own JSON, which is the last line it prints."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout, flush=True)
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def counted(report: Path) -> dict[str, float]:
    """What pytest's JUnit report says of its tests."""
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    keys = ("tests", "failures", "errors", "skipped", "time")
    return {key: float(suite.attrib[key]) for key in keys}


def main() -> None:
    """Measure everything, then write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=Path, help="pytest's JUnit report")
    parser.add_argument("--out", type=Path, default=Path("docs/verification.json"))
    parser.add_argument("--resume", action="store_true", help="keep what the file has already")
    arguments = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], stdout=subprocess.PIPE, text=True)
    machine = (platform.machine(), f"{os.cpu_count()} cores", f"Python {platform.python_version()}")
    runs = (RUNS_WITH_PEERS if PEERS_DIR.is_dir() else ()) + RUNS
    document: dict[str, object] = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": commit.stdout.strip(),
        "machine": ", ".join(machine),
        "tests": counted(arguments.tests) if arguments.tests else None,
        "peers": PEERS_DIR.is_dir(),
        "planned": [" ".join(run) for run in runs],
    }
    done: dict[object, dict[str, object]] = {}
    if arguments.resume and arguments.out.exists():
        earlier = json.loads(arguments.out.read_text())
        document = earlier | document
        done = {each["run"]: each for each in earlier["benchmarks"]}
    for run in runs:  # written after each, so that a run cut short leaves what it measured
        command = " ".join(run)
        done[command] = done.get(command) or {"run": command, **measure(*run)}
        document["benchmarks"] = list(done.values())
        arguments.out.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
