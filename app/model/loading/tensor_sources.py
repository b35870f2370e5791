"""Where named tensors come from: safetensors files, allowed pickles, or transformers' modules.

Knows nothing about what the tensors are for. Each builder returns a function from a checkpoint
name to a tensor; both ways give the same bits.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from torch import Tensor

from app.checkpoint.errors import StartupError
from app.checkpoint.safe_open import open_file
from app.checkpoint.safetensors_index import TensorIndex
from app.model.loading.build_weights import Source

if TYPE_CHECKING:
    from torch.nn import Module


def from_checkpoint(index: TensorIndex) -> Source:
    """Tensors read from the files when they are asked for, on the CPU in their own dtype."""
    files: dict[Path, Any] = {}

    def source(name: str) -> Tensor:
        path = index[name].file
        if path not in files:
            files[path] = safe_open(path, framework="pt")
        tensor: Tensor = files[path].get_tensor(name)
        return tensor

    return source


def from_pickles(directory: Path, pattern: str = "pytorch_model*.bin") -> Source:
    """Tensors of the files that `pattern` means, by torch's `weights_only` loader.

    Raises:
        StartupError: a file is not a plain table of tensors.
    """
    tensors: dict[str, Tensor] = {}
    for path in sorted(directory.glob(pattern)):
        tensors |= load_pickle(path)

    def source(name: str) -> Tensor:
        if name not in tensors:
            raise StartupError(f"{directory} lacks the tensor {name}; is it a LLaMA checkpoint?")
        return tensors[name]

    return source


def load_pickle(path: Path) -> dict[str, Tensor]:
    """The tensors of one file, mapped, not read.

    Raises:
        StartupError: it is not a plain table of tensors.
    """
    open_file(path).close()  # a regular file, or refused
    try:
        table = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        line = str(error).partition("\n")[0]
        raise StartupError(f"cannot read {path}: {line}") from error
    if not isinstance(table, dict) or not all(isinstance(t, Tensor) for t in table.values()):
        raise StartupError(f"cannot read {path}: it holds more than named tensors")
    return table


def from_modules(model: Module) -> Source:
    """Tensors of a `*ForCausalLM` of transformers, where accelerate has put them."""
    tensors = dict(model.named_parameters(remove_duplicate=False))

    def source(name: str) -> Tensor:
        return tensors[name].detach()

    return source
