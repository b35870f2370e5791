"""Runs the self-test of the compiled kernels in a child process, once per machine.

A compiler that aborts on this CPU, an illegal instruction or an endless loop then ends the child,
not the server. Only the child (`child_main`) imports torch and the kernels.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

from app.checkpoint.hardware.cpu_features import features
from app.model.cpu_kernels.cache_directory import record_self_test, self_test_passed

#: CPU time of the child. Compiling takes about ten seconds, a minute on an emulated CPU.
CPU_LIMIT_S = 300
#: Wall-clock limit as a multiple of the CPU limit: other processes use the cores too.
_WALL_CLOCK_FACTOR = 4
_PROGRAM = (
    f"import sys; sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})\n"
    "from app.model.self_test_process import child_main; child_main(*sys.argv[1:])"
)
#: prctl option: send this process a signal when its parent ends (linux/prctl.h).
_PR_SET_PDEATHSIG = 1


def kernel_fault(weight_bits: int | None, limit_s: int = CPU_LIMIT_S) -> str | None:
    """Why the compiled kernels must not be used on this machine; None if the self-test passed.
    A pass is recorded in the kernel cache, so the next start does not run it again.

    limit_s: CPU seconds of the child.
    """
    if self_test_passed(weight_bits):
        return None
    fault = _run_self_test(weight_bits, limit_s)
    if fault is None:
        record_self_test(weight_bits)
    return fault


def child_main(weight_bits: str, parent: str, limit_s: str, expected: str) -> None:
    """The child process: prints a JSON object with the CPU features it sees, and whether the
    kernels of weights of `weight_bits` ("8", "4", or "" for full precision) pass the self-test.

    expected: the features that the parent sees. They differ where the parent is emulated and the
    child runs on the host CPU.
    """
    # Both limits also end machine code that does not return to Python.
    resource.setrlimit(resource.RLIMIT_CPU, (int(limit_s), int(limit_s) + 1))
    signal.alarm(_WALL_CLOCK_FACTOR * int(limit_s))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        raise SystemExit("the parent has ended")
    if other := features() ^ set(expected.split(",")):
        raise SystemExit(f"it ran on another CPU than the server: {', '.join(sorted(other)[:3])}")
    from app.model.cpu_kernels.self_test import kernels_match_torch

    passed = kernels_match_torch(int(weight_bits) if weight_bits else None)
    sys.stdout.write(json.dumps({"features": sorted(features()), "passed": passed}) + "\n")


def _run_self_test(weight_bits: int | None, limit_s: int) -> str | None:
    arguments = [str(weight_bits or ""), str(os.getpid()), str(limit_s)]
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", _PROGRAM, *arguments, ",".join(features())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        close_fds=True,  # the child must not hold the listening socket or a client's
        process_group=0,
    )
    try:
        output, errors = process.communicate(timeout=_WALL_CLOCK_FACTOR * limit_s)
    except subprocess.TimeoutExpired:
        return "their self-test did not end in time"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        return f"their self-test {_exit_reason(process.returncode)}{_error_line(errors)}"
    return parse_report(output)


def parse_report(output: str) -> str | None:
    """The fault that the child's output reports; None if the self-test passed."""
    try:
        passed = json.loads(output.splitlines()[-1])["passed"]
    except (LookupError, TypeError, ValueError):
        return "their self-test printed no result"
    return None if passed is True else "their results were wrong on this machine"


def _exit_reason(code: int) -> str:
    if code in (-signal.SIGALRM, -signal.SIGXCPU):
        return "did not end in time"
    if -code in signal.valid_signals():
        return f"was ended by {signal.Signals(-code).name}"
    return "failed"


def _error_line(errors: str) -> str:
    """The line of stderr that says why the child failed: LLVM's error, else the last line."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    shown = [line for line in lines if line.startswith("LLVM ERROR")] or lines[-1:]
    return f": {shown[0][:200]}" if shown else ""
