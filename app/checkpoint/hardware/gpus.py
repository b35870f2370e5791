"""Which GPUs the CUDA driver knows, asked in a process of its own.

Knows nothing about torch or models. The driver must never be opened in a process that forks
later, as gunicorn's master does: CUDA does not survive a fork. Run as a program this module
asks and prints; it imports the standard library only.
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
_ASK_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Gpus:
    """The GPUs of this machine, as far as CUDA_VISIBLE_DEVICES shows them."""

    total_bytes: tuple[int, ...]  #: memory of each, by id
    torch_can_use_them: bool  #: the installed torch was built for CUDA


def find_gpus() -> Gpus:
    """Ask the CUDA driver; no GPUs where there is none, or where it does not answer."""
    command = [sys.executable, "-I", "-S", str(Path(__file__))]
    try:
        answer = subprocess.run(  # noqa: S603 - our own file, no input
            command, capture_output=True, timeout=_ASK_TIMEOUT_S, check=True
        )
        sizes = tuple(int(size) for size in json.loads(answer.stdout))
    except (OSError, ValueError, subprocess.SubprocessError):
        sizes = ()
    return Gpus(sizes, _torch_has_cuda())


def _torch_has_cuda() -> bool:
    """True when torch's CUDA part lies on disk; importing torch would take seconds."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    return any((Path(spec.origin).parent / "lib").glob("libtorch_cuda*"))


def ask_driver() -> list[int]:
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
    sys.stdout.write(json.dumps(ask_driver()))
