"""Checks a model directory as a whole before anything heavy is imported.

Knows nothing about torch; the loader takes its result and need not check again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from app.checkpoint.config import ModelConfig, read_config
from app.checkpoint.errors import StartupError
from app.checkpoint.gpus import Gpus, find_gpus
from app.checkpoint.headers import TensorIndex, read_index
from app.checkpoint.hub import local_directory
from app.checkpoint.json_file import read_json
from app.checkpoint.layout import EMBEDDING, check_layout
from app.checkpoint.machine import available_bytes
from app.checkpoint.memory import MemoryTable, check_memory, memory_table
from config import EMBEDDED_MODEL, Config

_DTYPE_NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A model directory whose files agree with one another and fit this machine."""

    directory: Path
    tokenizer_directory: Path
    model: ModelConfig  #: its `dtype` is never "": the embedding's where config.json is silent
    tensors: TensorIndex  #: empty for pickles
    gpu: int | None  #: the GPU to use; None: the CPU
    memory: MemoryTable

    @property
    def pickled(self) -> bool:
        """True when the weights are pickles, allowed by --allow_pickle."""
        return not len(self.tensors)


def check_model(config: Config) -> CheckedModel:
    """Read and check everything about the model that `config` names, but its weights.

    Raises:
        StartupError: what is wrong, in one line.
    """
    directory = local_directory(config.BASE_MODEL, "--base_model", allow_pickle=config.ALLOW_PICKLE)
    model = read_config(directory)
    tensors = read_index(directory, allow_pickle=config.ALLOW_PICKLE)
    if len(tensors):
        check_layout(model, tensors)
    if not model.dtype:
        dtype = _DTYPE_NAMES[tensors[EMBEDDING].dtype] if len(tensors) else "float32"
        model = replace(model, dtype=dtype)
    _check_length(config, model)
    gpu, gpus = _choose_gpu(config)
    memory = _memory(config, model, tensors, None if gpu is None else gpus.total_bytes[gpu])
    check_memory(memory, "CPU" if gpu is None else f"GPU {gpu}")
    return CheckedModel(directory, _tokenizer(config, directory), model, tensors, gpu, memory)


def _check_length(config: Config, model: ModelConfig) -> None:
    if config.MAX_MODEL_LEN is not None and config.MAX_MODEL_LEN > model.max_positions:
        raise StartupError(
            f"--max_model_len is {config.MAX_MODEL_LEN}, but the model was made for "
            f"{model.max_positions} tokens; pass at most that"
        )


def _tokenizer(config: Config, base: Path) -> Path:
    directory = base
    if config.TOKENIZER_PATH is not None:
        directory = local_directory(config.TOKENIZER_PATH, "--tokenizer_path")
    if not any((directory / name).is_file() for name in ("tokenizer.model", "tokenizer.json")):
        raise StartupError(
            f"{directory} holds no tokenizer (tokenizer.model or tokenizer.json); pass the "
            "directory of one with --tokenizer_path"
        )
    settings = directory / "tokenizer_config.json"
    if settings.is_file() and read_json(settings).get("auto_map"):
        raise StartupError(
            f"{settings} has 'auto_map': tokenizers that bring their own code are refused"
        )
    return directory


def _choose_gpu(config: Config) -> tuple[int | None, Gpus]:
    """The GPU to use by contract: the one asked for, else 0 where there is one, but never
    for the embedded model."""
    embedded = Path(config.BASE_MODEL) == Path(EMBEDDED_MODEL)
    if config.ONLY_CPU or (embedded and not config.GPUS):
        gpu, gpus = None, Gpus((), torch_can_use_them=False)
    else:
        gpus = find_gpus()
        gpu = _asked_for(config.GPUS[0], gpus) if config.GPUS else _first(gpus)
    if gpu is None and config.DTYPE not in ("auto", "float32"):
        raise StartupError(f"--dtype {config.DTYPE} needs a GPU; a CPU computes in float32")
    return gpu, gpus


def _first(gpus: Gpus) -> int | None:
    return 0 if gpus.total_bytes and gpus.torch_can_use_them else None


def _asked_for(gpu: int, gpus: Gpus) -> int:
    if gpu >= len(gpus.total_bytes):
        have = f"GPUs 0 to {len(gpus.total_bytes) - 1} are" if gpus.total_bytes else "no GPU is"
        raise StartupError(f"--gpus is {gpu}, but {have} here; pass --only_cpu to do without")
    if not gpus.torch_can_use_them:
        raise StartupError(f"--gpus is {gpu}, but the installed torch is built for CPUs only")
    return gpu


def _memory(
    config: Config, model: ModelConfig, tensors: TensorIndex, gpu_bytes: int | None
) -> MemoryTable:
    weight_bytes = None
    if gpu_bytes is not None:
        weight_bytes = 4 if config.DTYPE == "float32" else 2
    return memory_table(
        model,
        tensors,
        kv_cache_mb=config.KV_CACHE_MB,
        available=available_bytes() if gpu_bytes is None else gpu_bytes,
        weight_bytes=weight_bytes,
    )
