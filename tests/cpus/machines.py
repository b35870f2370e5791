"""Runs the server's program on other CPUs: with features disabled, or emulated.

A child of an emulated Python would run natively, because it starts `sys.executable`: so that is a
script here, which starts the emulator again.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EMULATOR = "qemu-x86_64"
#: What no CPU has here that is emulated, or that AVX-512 is hidden from.
FOREIGN = "avx512f"

Answers = list[list[tuple[int, float]]]  #: of each prompt: tokens, and how clear each was


@dataclass(frozen=True)
class Report:
    """What `answering.py` printed, and what it logged."""

    features: set[str]  #: as the process saw them that answered
    self_tests: list[set[str]]  #: as the self-tests of its kernels saw them
    kernels: str
    torch: str  #: which of its own kernels torch takes
    description: str
    batch_invariant: bool  #: a row's bits do not depend on the others
    answers: Answers
    log: str

    def saw_no_avx512(self) -> None:
        """AssertionError if the worker, torch or a self-test of the kernels ran on another CPU."""
        for seen in (self.features, *self.self_tests):
            assert seen, "no features were reported"
            assert FOREIGN not in seen, f"{FOREIGN} was seen: this ran on the machine itself"
        assert "512" not in self.torch, self.torch


def emulated_python(folder: Path, cpu: str) -> Path:
    """A Python in `folder` that runs on `cpu`, one of the emulator's names, and so do its
    children: it has this environment's packages."""
    here = Path(sys.prefix)
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text((here / "pyvenv.cfg").read_text())
    (folder / "lib").symlink_to(here / "lib")
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.join(emulating(cpu, python))} "$@"\n')
    python.chmod(0o755)
    return python


def emulating(cpu: str, name: Path) -> list[str]:
    """The command of an emulated Python that knows itself as `name`."""
    return [EMULATOR, "-0", str(name), "-cpu", cpu, str(Path(sys.executable).resolve())]


def environment(**others: str) -> dict[str, str]:
    """Of a process on another CPU, in which nothing else of ours is set."""
    ours = ("WESTLAKE_", "DISABLE_CPU_FEATURES", "NUMBA_", "WEB_CONCURRENCY", "ATEN_", "ONEDNN_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    return {"PYTHONPATH": str(ROOT), **kept, **others}


def answers(
    precision: str,
    prompts: int,
    tokens: int,
    forced: Answers | None = None,
    python: Sequence[str] = (sys.executable,),
    **environ: str,
) -> Report:
    """Let the embedded model answer in a process of its own; environ: what it has besides."""
    lists = [[token for token, _ in answer] for answer in forced or []]
    program = str(ROOT / "tests" / "cpus" / "answering.py")
    command = [*python, program, precision, str(prompts), str(tokens), json.dumps(lists)]
    done = subprocess.run(
        command, env=environment(**environ), capture_output=True, text=True, timeout=1400
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    report["features"], report["self_tests"] = (
        set(report["features"]),
        list(map(set, report["self_tests"])),
    )
    log = [line for line in done.stderr.splitlines() if "TCG doesn't support" not in line]
    return Report(**report, log="\n".join(log))


def agree(one: Answers, other: Answers, clear: float) -> None:
    """AssertionError if they differ in a likeliest token that `one` found clear: its logit lies
    further than `clear` above the second's."""
    assert [len(answer) for answer in one] == [len(answer) for answer in other]
    for mine, theirs in zip(one, other, strict=True):
        for place, ((token, gap), (found, _)) in enumerate(zip(mine, theirs, strict=True)):
            assert token == found or gap <= clear, f"token {place}: {found} for {token} by {gap}"
