"""Runs the benchmarks and writes what they measured to docs/verification.json.

Knows nothing about what the figures mean. Without a flag: the table of docs/benchmarks.md, in less
than an hour on two quiet cores. What has been measured of the same code on the same machine is kept
in build/kept_runs.json and not measured again, so an interrupted call is simply repeated. `make
verify` runs everything after all tests, with nothing else on the machine.

    python -m benchmarks.verification [--everything] [--peers]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

from benchmarks.kept_runs import KeptRuns, Result
from benchmarks.model_forms import RANDOM, SMOLLM2
from benchmarks.revision import commit, machine, revision

Run = tuple[str, ...]

HALF = ("--model", "build/random-298m-float16")
FULL = ("--model", "build/random-298m-float32")
#: Precision by precision beside llama-server, on both models, then the same without AVX-512.
TABLE: tuple[Run, ...] = (
    ("limits",),
    ("quality",),
    *(
        ("online", "--model", model, "--ours", ours, "--peers", peer, *avx2)
        for avx2 in ((), ("--avx2",))
        for model in (SMOLLM2, RANDOM)
        for ours, peer in (("16bit", "llama-f16"), ("8bit", "llama-q8_0"))
    ),
    ("seven_billion", "--load_in_8bit", "--peers", "Q8_0", "--rows", "1"),
)
#: Beside other servers than llama.cpp's.
OTHER_PEERS: tuple[Run, ...] = (
    ("online", "--ours", "16bit,float32", "--peers", "vllm-fp32,llama-f32,openvino-fp32"),
    ("online", "--ours", "8bit", "--peers", "vllm-w8a8,openvino-int8"),
    ("online", "--ours", "16bit", "--peers", "transformers-batching", "--clients", "16"),
    ("online", "--ours", "16bit", "--peers", "vllm-fp32", "--clients", "1", "--rates", "1",
     "--rounds", "1"),
    ("seven_billion", "--load_in_4bit", "--peers", "Q4_0,Q4_K_M", "--rows", "1,4,16"),
)  # fmt: skip
REST: tuple[Run, ...] = (
    ("conversation", *HALF),
    ("agent_session",),
    ("long_prompt", *HALF),
    ("long_prompt", *HALF, "--load_in_8bit"),
    ("fairness",),
    ("embeddings", *FULL),
    ("embeddings", *FULL, "--load_in_8bit"),
    ("embeddings", "--embedded"),
    ("http_cost",),
    ("upstream",),
    ("start",),
    ("neighbour",),
    ("curves", *HALF),
    ("offline", *FULL, "--dtype", "float32"),
    ("offline", *HALF, "--dtype", "float16"),
    ("offline", *HALF, "--dtype", "float16", "--load_in_8bit"),
    ("beams", *HALF),
    ("depth", "--kv_cache_dtype", "float32"),
    ("depth", "--kv_cache_dtype", "float16"),
    ("depth", "--load_in_8bit"),
    ("seven_billion", "--tokens", "8"),
)
KEPT, PEERS_DIR = Path("build/kept_runs.json"), Path("build/peers")


def planned(everything: bool, other_peers: bool, llama: bool) -> list[Run]:
    """The runs in their order. llama: llama.cpp is installed; what stands beside it is left out
    otherwise."""
    runs = TABLE + (OTHER_PEERS if other_peers else ()) + (REST if everything else ())
    return [run for run in runs if llama or "--peers" not in run]


def measure(name: str, *arguments: str) -> Result:
    """A benchmark's own JSON, which is the last line it prints.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout, flush=True)
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def run_all(runs: Sequence[Run], kept: KeptRuns) -> list[str]:
    """Run what is not kept yet; the commands that failed."""
    failed = []
    for number, run in enumerate(runs, start=1):
        command = " ".join(run)
        if kept.get(command) is not None:
            print(f"{number}/{len(runs)} {command}: kept", flush=True)
            continue
        began = time.monotonic()
        try:
            kept.put(command, measure(*run))
        except subprocess.CalledProcessError as error:
            failed.append(command)
            print(error, flush=True)
        print(f"{number}/{len(runs)} {command}: {time.monotonic() - began:.0f} s", flush=True)
    return failed


def counted(report: Path) -> dict[str, float]:
    """What pytest's JUnit report says of its tests."""
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    keys = ("tests", "failures", "errors", "skipped", "time")
    return {key: float(suite.attrib[key]) for key in keys}


def main() -> None:
    """Measure what is missing, then write the file."""
    parser = argparse.ArgumentParser(description="Runs the benchmarks, and goes on where it was.")
    parser.add_argument("--everything", action="store_true", help="not only the table")
    parser.add_argument("--peers", action="store_true", help="also vLLM, OpenVINO, transformers")
    parser.add_argument("--tests", type=Path, help="pytest's JUnit report")
    parser.add_argument("--out", type=Path, default=Path("docs/verification.json"))
    parser.add_argument("--kept", type=Path, default=KEPT)
    arguments = parser.parse_args()
    kept = KeptRuns(arguments.kept, revision(), machine())
    llama = (PEERS_DIR / "llama").is_dir()
    runs = planned(arguments.everything, arguments.peers, llama)
    failed = run_all(runs, kept)
    commands = [" ".join(run) for run in runs]
    document = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": commit(),
        "machine": machine(),
        "tests": counted(arguments.tests) if arguments.tests else None,
        "peers": llama,
        "planned": commands,
        "benchmarks": [
            {"run": command, **result}
            for command in commands
            if (result := kept.get(command)) is not None
        ],
    }
    arguments.out.write_text(json.dumps(document, indent=2) + "\n")
    if failed:
        sys.exit("\n".join(("failed, to be repeated:", *failed)))


if __name__ == "__main__":
    main()
