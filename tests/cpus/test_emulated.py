"""CPUs of other machines, emulated instruction by instruction by Debian's qemu-user.

It has no AVX-512, and its Skylake-Server is a CPU whose name promises more than it has.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cpus.conftest import EMULATED_TOKENS
from tests.cpus.machines import (
    ROOT,
    Answers,
    Report,
    emulated_python,
    emulating,
    environment,
)
from tests.harness.server import free_port, running, wait_ready

START_S = 1500.0


def test_haswell_tries_its_kernels_and_answers(here: Answers, haswell: Report) -> None:
    haswell.saw_no_avx512()
    assert haswell.batch_invariant
    assert len(haswell.self_tests) == 1
    assert haswell.kernels == "AVX2 kernels"
    assert haswell.log == ""
    assert haswell.answers == [here[0][:EMULATED_TOKENS]], "other bits than on this machine"


def test_a_self_test_on_the_host_cpu_is_refused(tmp_path: Path) -> None:
    """Here a child of the emulated Python is not emulated, as without the script."""
    program = "from app.model.self_test_process import kernel_fault; print(kernel_fault(None))"
    done = subprocess.run(
        [*emulating("Haswell", Path(sys.executable)), "-c", program],
        env=environment(NUMBA_CACHE_DIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
    )
    assert "it ran on another CPU than the server: " in done.stdout, done.stderr
    assert not list(tmp_path.rglob("self-test-passed*")), "a self-test on another CPU was recorded"
    assert not list(tmp_path.rglob("*.nb?"))


@pytest.mark.parametrize("where", ["worker", "self-test", "torch"])
def test_the_tier_would_notice_a_native_process(where: str) -> None:
    emulated, native = {"64bit", "avx2"}, {"64bit", "avx2", "avx512f"}
    found = Report(
        native if where == "worker" else emulated,
        [native if where == "self-test" else emulated],
        "",
        "AVX512" if where == "torch" else "AVX2",
        "",
        True,
        [],
        "",
    )
    with pytest.raises(AssertionError):
        found.saw_no_avx512()


def test_this_machine_itself_is_told_from_an_emulated_one(machine: Report) -> None:
    lscpu = subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout
    if "avx512f" in lscpu:
        with pytest.raises(AssertionError, match="ran on the machine itself"):
            machine.saw_no_avx512()
    else:
        machine.saw_no_avx512()


@pytest.mark.parametrize(
    "flags",
    [pytest.param((), marks=pytest.mark.figures), ("--check",)],
    ids=["start", "check"],
)
def test_a_cpu_below_torchs_floor_is_one_line(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """torch and numpy end the process there with SIGILL."""
    python = emulated_python(tmp_path / "penryn", "Penryn")
    command = [str(python), "wsgi.py", "--host", "127.0.0.1", "--port", str(free_port()), *flags]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300
    )
    assert done.returncode > 0, done.returncode
    errors = [line for line in done.stderr.splitlines() if "TCG doesn't support" not in line]
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("westlake: this CPU has no SSE4.2, which torch and numpy need")


@pytest.mark.figures
@pytest.mark.parametrize(
    ("cpu", "kernels"),
    [
        ("Haswell", "AVX2 kernels"),
        ("Skylake-Server", "AVX2 kernels"),
        ("Nehalem", "torch (no compiled kernels: this CPU has no AVX2)"),
    ],
)
def test_the_whole_server(tmp_path: Path, cpu: str, kernels: str) -> None:
    """`python wsgi.py`, which becomes gunicorn, which forks the worker: all emulated."""
    python, port = emulated_python(tmp_path / cpu, cpu), free_port()
    command = ["env", f"NUMBA_CACHE_DIR={tmp_path / 'kernels'}", str(python)]
    command += [str(ROOT / "wsgi.py"), "--host", "127.0.0.1", "--port", str(port)]
    with running(command, port, tmp_path / "log") as server:
        wait_ready(server, START_S)
        ready = [line for line in server.logged().splitlines() if line.startswith("ready: ")]
        assert len(ready) == 1
        assert f", {kernels}, threads=" in ready[0]
        assert "qemu" in server.worker.exe(), "the worker is not emulated"
        warned = server.logged().count("compiled kernels are not used")
        assert warned == ("torch" in kernels)
        body = {"messages": [{"role": "user", "content": "西湖在哪里？"}], "max_tokens": 10}
        reply = server.client.post("/v1/chat/completions", body | {"temperature": 0}).ok()
        assert reply["choices"][0]["message"]["content"]
        assert reply["usage"]["completion_tokens"] == 10
