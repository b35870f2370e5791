"""`python wsgi.py convert IN OUT`: a model or LoRA of pickles, written again as safetensors.

Knows nothing about what the tensors are for. Each file is mapped, written and let go before the
next, so memory holds one file at a time; OUT appears only once it is complete.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from app.checkpoint.errors import StartupError
from app.checkpoint.lora.delta import PICKLE, SAFETENSORS
from app.checkpoint.safetensors_index import INDEX, SINGLE
from app.model.loading.tensor_sources import load_pickle

_BASE = "pytorch_model*.bin"
_KEPT = (".json", ".jinja", ".model", ".txt", ".md")
_PICKLE_INDEX = "pytorch_model.bin.index.json"


def convert(source: Path, target: Path) -> list[Path]:
    """Write `source` again into the new directory `target`; returns the files of weights.

    Raises:
        StartupError: `target` is there already, or `source` has no pickles or unreadable ones.
    """
    if not source.is_dir():
        raise StartupError(f"{source} is no directory")
    if target.exists():
        raise StartupError(f"{target} is there already: pass the name of a new directory")
    pickles = sorted(source.glob(_BASE)) or sorted(source.glob(PICKLE))
    if not pickles:
        raise StartupError(f"{source} holds neither pytorch_model*.bin nor {PICKLE}")
    partial = target.with_name(target.name + ".partial")
    if partial.exists():
        raise StartupError(f"{partial} is left of an earlier try: remove it first")
    try:
        partial.mkdir(parents=True)
        names = _write(pickles, partial)
        _copy_rest(source, partial)
        partial.rename(target)
    except OSError as error:
        raise StartupError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return [target / name for name in names]


def _write(pickles: list[Path], target: Path) -> list[str]:
    names = [_name(path, number, len(pickles)) for number, path in enumerate(pickles, 1)]
    weight_map: dict[str, str] = {}
    for path, name in zip(pickles, names, strict=True):
        tensors = _apart(load_pickle(path))
        twice = weight_map.keys() & tensors.keys()
        if twice:
            raise StartupError(f"{path} and an earlier file both hold {min(twice)!r}")
        save_file(tensors, target / name, {"format": "pt"})
        weight_map |= dict.fromkeys(tensors, name)
    if len(pickles) > 1:
        index = {"metadata": {}, "weight_map": weight_map}
        (target / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
    return names


def _name(path: Path, number: int, count: int) -> str:
    if path.name == PICKLE:
        return SAFETENSORS
    return SINGLE if count == 1 else f"model-{number:05}-of-{count:05}.safetensors"


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each tensor with memory of its own: safetensors holds no shared ones, such as a head
    that is the embedding."""
    owners = Counter(tensor.untyped_storage().data_ptr() for tensor in tensors.values())
    return {
        name: tensor.clone(memory_format=torch.contiguous_format)
        if owners[tensor.untyped_storage().data_ptr()] > 1
        else tensor.contiguous()
        for name, tensor in tensors.items()
    }


def _copy_rest(source: Path, target: Path) -> None:
    """Configuration, tokenizer, licence and card."""
    for path in sorted(source.iterdir()):
        wanted = path.suffix in _KEPT or path.name.upper().startswith("LICENSE")
        if path.is_file() and wanted and path.name != _PICKLE_INDEX:
            shutil.copyfile(path, target / path.name)
