"""Queries the CUDA driver for GPUs, in a child process.

CUDA does not survive a fork, so a process that forks later, such as gunicorn's arbiter, must not
open the driver. The child runs this module as a program; it imports the standard library only.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_DRIVER = "libcuda.so.1"
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Gpus:
    """The GPUs of this machine that CUDA_VISIBLE_DEVICES shows."""

    total_bytes: tuple[int, ...]  #: memory of each GPU by index
    torch_can_use_them: bool  #: the installed torch was built for CUDA


def find_gpus() -> Gpus:
    """Query the CUDA driver; no GPUs if it is missing or does not answer."""
    command = [sys.executable, "-I", "-S", str(Path(__file__))]
    try:
        process = subprocess.run(  # noqa: S603 - our own file, no input
            command, capture_output=True, timeout=_TIMEOUT_S, check=True
        )
        sizes = tuple(int(size) for size in json.loads(process.stdout))
    except (OSError, ValueError, subprocess.SubprocessError):
        sizes = ()
    return Gpus(sizes, _torch_has_cuda())


def _torch_has_cuda() -> bool:
    """Whether torch's CUDA library is installed; importing torch would take seconds."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    return any((Path(spec.origin).parent / "lib").glob("libtorch_cuda*"))


def query_driver() -> list[int]:
    """Bytes of memory of each GPU. Opens the CUDA driver in this process."""
    try:
        cuda = ctypes.CDLL(_DRIVER)
    except OSError:
        return []
    count = ctypes.c_int(0)
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return []
    sizes = []
    for ordinal in range(count.value):
        device, size = ctypes.c_int(0), ctypes.c_size_t(0)
        cuda.cuDeviceGet(ctypes.byref(device), ordinal)
        cuda.cuDeviceTotalMem_v2(ctypes.byref(size), device)
        sizes.append(size.value)
    return sizes


if __name__ == "__main__":
    sys.stdout.write(json.dumps(query_driver()))
