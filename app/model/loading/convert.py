"""`python wsgi.py convert IN OUT`: converts a model or LoRA from pickles to safetensors.

Files are converted one at a time, so memory is needed for one only. Quantized weights are
converted by `convert_gguf.py` and `convert_quantized.py`.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.gguf_file import is_gguf
from app.checkpoint.lora.adapter import PICKLE, SAFETENSORS
from app.checkpoint.safetensors_index import INDEX, SINGLE
from app.model.loading.convert_gguf import convert_gguf
from app.model.loading.convert_quantized import convert_quantized, is_quantized
from app.model.loading.new_directory import copy_descriptions, new_directory
from app.model.loading.tensor_sources import load_pickle

_BASE = "pytorch_model*.bin"
_PICKLE_INDEX = "pytorch_model.bin.index.json"


def convert(source: Path, target: Path) -> list[Path]:
    """Convert `source` into the new directory `target`; returns the written files of weights.

    Raises:
        StartupError: `target` exists already, or `source` has neither pickles nor
            quantized weights, or unreadable ones.
    """
    if source.exists() and not source.is_dir() and is_gguf(source):
        return convert_gguf(source, target)
    if not source.is_dir():
        raise StartupError(f"{source} is not a directory, nor a GGUF file")
    pickles = sorted(source.glob(_BASE)) or sorted(source.glob(PICKLE))
    if not pickles and is_quantized(source):
        return convert_quantized(source, target)
    if not pickles:
        raise StartupError(
            f"{source} contains neither pytorch_model*.bin nor {PICKLE}, and no quantized weights"
        )
    with new_directory(target) as directory:
        names = _write(pickles, directory)
        copy_descriptions(source, directory, without=(_PICKLE_INDEX,))
    return [target / name for name in names]


def _write(pickles: list[Path], target: Path) -> list[str]:
    names = [_file_name(path, index, len(pickles)) for index, path in enumerate(pickles, 1)]
    weight_map: dict[str, str] = {}
    for path, name in zip(pickles, names, strict=True):
        tensors = _unshared(load_pickle(path))
        duplicates = weight_map.keys() & tensors.keys()
        if duplicates:
            raise StartupError(f"{path} and an earlier file both contain {min(duplicates)!r}")
        save_file(tensors, target / name, {"format": "pt"})
        weight_map |= dict.fromkeys(tensors, name)
    if len(pickles) > 1:
        index = {"metadata": {}, "weight_map": weight_map}
        (target / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
    return names


def _file_name(path: Path, index: int, count: int) -> str:
    if path.name == PICKLE:
        return SAFETENSORS
    return SINGLE if count == 1 else f"model-{index:05}-of-{count:05}.safetensors"


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copies of tensors that share memory, such as a tied lm_head and embedding: safetensors
    cannot store shared memory."""
    users = Counter(tensor.untyped_storage().data_ptr() for tensor in tensors.values())
    return {
        name: tensor.clone(memory_format=torch.contiguous_format)
        if users[tensor.untyped_storage().data_ptr()] > 1
        else tensor.contiguous()
        for name, tensor in tensors.items()
    }
