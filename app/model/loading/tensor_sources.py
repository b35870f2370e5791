"""Sources of named tensors: safetensors files, pickles, or transformers' modules.

Each function returns a function from a checkpoint's tensor name to the tensor; all give the same
bits.
"""

from __future__ import annotations

from collections.abc import Callable
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


def from_checkpoint(index: TensorIndex) -> Callable[[str], Tensor]:
    """Tensors of safetensors files, read on demand to the CPU in their stored dtype."""
    files: dict[Path, Any] = {}

    def source(name: str) -> Tensor:
        path = index[name].file
        if path not in files:
            files[path] = safe_open(path, framework="pt")
        tensor: Tensor = files[path].get_tensor(name)
        return tensor

    return source


def from_pickles(directory: Path, pattern: str = "pytorch_model*.bin") -> Source:
    """Tensors of the pickles that match `pattern`, by torch's `weights_only` loader.

    Raises:
        StartupError: a file is not a plain dict of tensors.
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
    """The tensors of one pickle, memory-mapped.

    Raises:
        StartupError: it is not a plain dict of tensors.
    """
    open_file(path).close()  # raises unless it is a regular file
    try:
        table = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        line = str(error).partition("\n")[0]
        raise StartupError(f"cannot read {path}: {line}") from error
    if not isinstance(table, dict) or not all(isinstance(t, Tensor) for t in table.values()):
        raise StartupError(f"cannot read {path}: it holds more than named tensors")
    return table


def from_modules(model: Module) -> Source:
    """Tensors of a `*ForCausalLM` of transformers, on the devices that accelerate chose."""
    tensors = dict(model.named_parameters(remove_duplicate=False))

    def source(name: str) -> Tensor:
        return tensors[name].detach()

    return source
