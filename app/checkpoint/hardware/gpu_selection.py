"""Selects the GPUs to use, by the settings and this machine's GPUs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from app.checkpoint.errors import StartupError
from app.checkpoint.hardware.gpus import Gpus, find_gpus
from config import EMBEDDED_MODEL, Config


def select_gpus(config: Config, *, quantized: bool) -> tuple[tuple[int, ...], Gpus]:
    """The GPUs to use, and all that were found: those of --gpus, else GPU 0 if there is one. The
    embedded model runs on the CPU unless --gpus is given.

    quantized: the base model's weights are quantized, so that a CPU, too, can keep them in 16 bits.

    Raises:
        StartupError: a GPU of --gpus does not exist or torch cannot use it, or a setting needs
            a GPU.
    """
    embedded = Path(config.BASE_MODEL).resolve() == Path(EMBEDDED_MODEL)
    if config.ONLY_CPU or (embedded and not config.GPUS):
        gpus: tuple[int, ...] = ()
        gpus_found = Gpus((), torch_can_use_them=False)
    else:
        gpus_found = find_gpus()
        gpus = tuple(_checked_gpu(gpu, gpus_found) for gpu in config.GPUS) or _default_gpus(
            gpus_found
        )
    if not gpus and config.DTYPE not in ("auto", "float32") and not quantized:
        raise StartupError(f"--dtype {config.DTYPE} needs a GPU; a CPU computes in float32")
    if gpus and config.LOAD_IN_8BIT and importlib.util.find_spec("bitsandbytes") is None:
        raise StartupError("--load_in_8bit on a GPU needs bitsandbytes: pip install bitsandbytes")
    return gpus, gpus_found


def _default_gpus(gpus: Gpus) -> tuple[int, ...]:
    return (0,) if gpus.total_bytes and gpus.torch_can_use_them else ()


def _checked_gpu(gpu: int, gpus: Gpus) -> int:
    if gpu >= len(gpus.total_bytes):
        have = f"GPUs 0 to {len(gpus.total_bytes) - 1} are" if gpus.total_bytes else "no GPU is"
        raise StartupError(f"--gpus is {gpu}, but {have} here; pass --only_cpu to do without")
    if not gpus.torch_can_use_them:
        raise StartupError(f"--gpus is {gpu}, but the installed torch is built for CPUs only")
    return gpu
