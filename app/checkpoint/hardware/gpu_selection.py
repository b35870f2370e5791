"""Which GPUs the settings mean on this machine.

Knows nothing about models, but that the embedded one stays on the CPU: only what is asked for, and
what is here.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from app.checkpoint.errors import StartupError
from app.checkpoint.hardware.gpus import Gpus, find_gpus
from config import EMBEDDED_MODEL, Config


def choose_gpus(config: Config) -> tuple[tuple[int, ...], Gpus]:
    """The GPUs to use by contract: those asked for, else 0 where there is one, but never for
    the embedded model.

    Raises:
        StartupError: one is not here or cannot be used, or a setting needs one.
    """
    embedded = Path(config.BASE_MODEL).resolve() == Path(EMBEDDED_MODEL)
    if config.ONLY_CPU or (embedded and not config.GPUS):
        gpus: tuple[int, ...] = ()
        found = Gpus((), torch_can_use_them=False)
    else:
        found = find_gpus()
        gpus = tuple(_asked_for(gpu, found) for gpu in config.GPUS) or _first(found)
    if not gpus and config.DTYPE not in ("auto", "float32"):
        raise StartupError(f"--dtype {config.DTYPE} needs a GPU; a CPU computes in float32")
    if gpus and config.LOAD_IN_8BIT and importlib.util.find_spec("bitsandbytes") is None:
        raise StartupError("--load_in_8bit on a GPU needs bitsandbytes: pip install bitsandbytes")
    return gpus, found


def _first(gpus: Gpus) -> tuple[int, ...]:
    return (0,) if gpus.total_bytes and gpus.torch_can_use_them else ()


def _asked_for(gpu: int, gpus: Gpus) -> int:
    if gpu >= len(gpus.total_bytes):
        have = f"GPUs 0 to {len(gpus.total_bytes) - 1} are" if gpus.total_bytes else "no GPU is"
        raise StartupError(f"--gpus is {gpu}, but {have} here; pass --only_cpu to do without")
    if not gpus.torch_can_use_them:
        raise StartupError(f"--gpus is {gpu}, but the installed torch is built for CPUs only")
    return gpu
