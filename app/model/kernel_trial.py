"""Has the compiled kernels tried by a process of its own: a compiler that aborts on a CPU, a
kernel that is no instruction of it or never ends, must not take the server along.

Knows nothing about torch or kernels: that process (`child_main`) imports them first.
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

#: Of processor time. Compiling takes some ten seconds, a minute where the CPU is emulated.
CPU_LIMIT_S = 300
#: And this many times as long by the clock: other processes want the cores too.
_WALL_CLOCK_FACTOR = 4
_PROGRAM = (
    f"import sys; sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})\n"
    "from app.model.kernel_trial import child_main; child_main(*sys.argv[1:])"
)
#: prctl's word for "this signal when my parent ends" (linux/prctl.h).
_PR_SET_PDEATHSIG = 1


def kernel_fault(eight_bit: bool, limit_s: int = CPU_LIMIT_S) -> str | None:
    """Why the compiled kernels cannot be trusted on this machine; None if they can. Its success
    is self_test_passed beside the machine code, so that the next start does without the process.

    limit_s: seconds of processor time.
    """
    if self_test_passed(eight_bit):
        return None
    fault = _run_self_test(eight_bit, limit_s)
    if fault is None:
        record_self_test(eight_bit)
    return fault


def child_main(precision: str, parent: str, limit_s: str, expected: str) -> None:
    """The process itself: print as a JSON object which features it sees and whether the kernels
    of `precision` ("8-bit" or "full") are right. expected: the features its parent sees: the
    child of an emulated process may run on the machine below."""
    # Both end this process even in the midst of machine code, and when nobody waits for it.
    resource.setrlimit(resource.RLIMIT_CPU, (int(limit_s), int(limit_s) + 1))
    signal.alarm(_WALL_CLOCK_FACTOR * int(limit_s))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        raise SystemExit("the parent has ended")
    if other := features() ^ set(expected.split(",")):
        raise SystemExit(f"it ran on another CPU than the server: {', '.join(sorted(other)[:3])}")
    from app.model.cpu_kernels.self_test import kernels_match_torch

    right = kernels_match_torch(precision == "8-bit")
    sys.stdout.write(json.dumps({"features": sorted(features()), "right": right}) + "\n")


def _run_self_test(eight_bit: bool, limit_s: int) -> str | None:
    arguments = ["8-bit" if eight_bit else "full", str(os.getpid()), str(limit_s)]
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", _PROGRAM, *arguments, ",".join(features())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        close_fds=True,  # neither the listener nor a client's connection
        process_group=0,
    )
    try:
        output, errors = process.communicate(timeout=_WALL_CLOCK_FACTOR * limit_s)
    except subprocess.TimeoutExpired:
        return "their trial did not end in time"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        return f"their trial {_exit_reason(process.returncode)}{_error_line(errors)}"
    return parse_report(output)


def parse_report(output: str) -> str | None:
    """What is wrong by the words of the process; None if nothing is."""
    try:
        right = json.loads(output.splitlines()[-1])["right"]
    except (LookupError, TypeError, ValueError):
        return "their trial told nothing"
    return None if right is True else "their results were wrong on this machine"


def _exit_reason(code: int) -> str:
    if code in (-signal.SIGALRM, -signal.SIGXCPU):
        return "did not end in time"
    if -code in signal.valid_signals():
        return f"was ended by {signal.Signals(-code).name}"
    return "failed"


def _error_line(errors: str) -> str:
    """What the process said of its end: the compiler's own words, else the last line."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    shown = [line for line in lines if line.startswith("LLVM ERROR")] or lines[-1:]
    return f": {shown[0][:200]}" if shown else ""
