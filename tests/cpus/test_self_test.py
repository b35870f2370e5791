"""Kernels that cannot be compiled, or run, or that are wrong: one warning, and torch answers.

The faults are planted in a copy of the program.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.cpus.conftest import PROMPTS, TOKENS
from tests.cpus.machines import ROOT, Answers, agree, answers, environment
from tests.harness.waiting import wait_until

Plant = Callable[..., Path]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """A copy of the program with lines at the top of one of its kernels' modules."""

    def planted(module: str, lines: str = "", old: str = "", new: str = "") -> Path:
        copy = tmp_path / "copy"
        shutil.copytree(ROOT / "app", copy / "app", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "config.py", copy)
        shutil.copytree(ROOT / "models", copy / "models")
        path = copy / "app/model/cpu_kernels" / module
        text = path.read_text()
        assert old in text
        future = "from __future__ import annotations\n"
        path.write_text(text.replace(old, new).replace(future, future + lines, 1))
        return copy

    return planted


def settings(copy: Path, **environ: str) -> dict[str, str]:
    return {
        "PYTHONPATH": f"{copy}:{ROOT}",
        "NUMBA_CACHE_DIR": str(copy.parent / "kernels"),
        **environ,
    }


def answered_by_torch(here: Answers, copy: Path, **environ: str) -> str:
    """The one line that a start with the planted fault logged; its answers are right."""
    found = answers("full", PROMPTS, TOKENS, here, **settings(copy, **environ))
    agree(here, found.answers, 1e-3)
    assert "torch (compiled kernels cannot be used)" in found.description
    assert len(found.log.splitlines()) == 1, found.log
    assert not list((copy.parent / "kernels").rglob("self-test-passed*"))
    return found.log


#: A product of bytes on a CPU that has no such instruction.
ABORT = """
import app.model.cpu_kernels.jit
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

@intrinsic
def product(typing, number):
    def emit(context, builder, signature, args):
        word, place = ir.IntType(32), ir.Constant(ir.IntType(32), 0)
        row = ir.VectorType(word, 16)
        kind = ir.FunctionType(row, [row] * 3)
        name = "llvm.x86.avx512.vpdpbusd.512"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        first = builder.trunc(args[0], word)
        values = builder.insert_element(ir.Constant(row, [1] * 16), first, place)
        total = builder.call(function, [values] * 3)
        return builder.zext(builder.extract_element(total, place), ir.IntType(64))
    return types.int64(types.int64), emit

njit(lambda number: product(number))(1)
"""


def test_a_compiler_that_aborts(here: Answers, plant: Plant) -> None:
    """As every start did on a CPU without AVX-512 VNNI."""
    copy = plant("packed_weights.py", ABORT)
    log = answered_by_torch(here, copy, DISABLE_CPU_FEATURES="avx512f")
    assert "their self-test was ended by SIGABRT: LLVM ERROR: " in log


FIGURES = pytest.mark.figures
FAULTS = [
    ("import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n", "was ended by SIGILL"),
    ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "was ended by SIGSEGV"),
    ("import no_such_compiler\n", "failed: ModuleNotFoundError"),
    ("import os\nos._exit(0)\n", "printed no result"),
    ("while True: pass\n", "did not end in time"),
    pytest.param("import time\ntime.sleep(10000)\n", "did not end in time", marks=FIGURES),
]


def fault(copy: Path, program: str = "", limit_s: int = 60) -> list[str]:
    """The command of a process that runs the self-test and prints the fault."""
    program += "from app.model.self_test_process import kernel_fault\n"
    program += f"print(kernel_fault(None, {limit_s}))"
    return ["env", f"PYTHONPATH={copy}", sys.executable, "-c", program]


@pytest.mark.parametrize(("lines", "words"), FAULTS)
def test_every_other_end(plant: Plant, lines: str, words: str) -> None:
    copy = plant("packed_weights.py", lines)
    limit_s = 2 if "in time" in words else 60
    environ = environment(NUMBA_CACHE_DIR=str(copy.parent / "kernels"))
    command = fault(copy, limit_s=limit_s)
    done = subprocess.run(
        command, env=environ, cwd=copy, capture_output=True, text=True, timeout=90
    )
    assert words in done.stdout, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert not list(copy.parent.glob("kernels/*/self-test-passed*"))


@pytest.mark.figures
def test_results_that_are_wrong(here: Answers, plant: Plant) -> None:
    """Only what all kernels make together shows it: the products themselves are right."""
    copy = plant(
        "attention_queries.py", old="scale = _LOG2E /", new="scale = np.float32(2) * _LOG2E /"
    )
    assert "their results were wrong on this machine" in answered_by_torch(here, copy)


SHOW = """
import os, sys
from pathlib import Path
kinds = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if
         os.path.lexists(f"/proc/self/fd/{name}")]
Path(os.environ["SHOWN"]).write_text("\\n".join([str(os.getpid()), str(os.getpgid(0)), *kinds]))
while True: pass
"""


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_process_has_no_sockets_and_ends_with_its_parent(plant: Plant) -> None:
    copy = plant("packed_weights.py", SHOW)
    shown = copy.parent / "shown"
    environ = environment(NUMBA_CACHE_DIR=str(copy.parent / "kernels"), SHOWN=str(shown))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        parent = subprocess.Popen(fault(copy), env=environ, cwd=copy, close_fds=False)
        try:
            wait_until(
                shown.is_file, lambda: "the self-test did not start", limit_s=60, pause_s=0.1
            )
            wait_until(lambda: "pipe:" in shown.read_text(), shown.read_text, pause_s=0.1)
            pid, group, *kinds = shown.read_text().splitlines()
            assert group == pid, "a signal for the server's group would reach it"
            assert not [kind for kind in kinds if kind.startswith("socket:")]
            assert lives(int(pid))
            os.kill(parent.pid, signal.SIGKILL)
            parent.wait(10)
            wait_until(lambda: not lives(int(pid)), lambda: "it lives on", pause_s=0.1)
        finally:
            parent.kill()
            parent.wait()
            if shown.is_file() and lives(int(shown.read_text().split()[0])):
                os.kill(int(shown.read_text().split()[0]), signal.SIGKILL)
