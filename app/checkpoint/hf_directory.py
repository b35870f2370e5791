"""Reads a model directory in Hugging Face format: its config and its tensors, quantized or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.checkpoint.config import ModelConfig, read_config
from app.checkpoint.errors import StartupError
from app.checkpoint.expected_tensors import EMBEDDING, check_tensors
from app.checkpoint.quantization.quantization_config import read_quantization
from app.checkpoint.quantization.quantized_tensors import with_quantized_tensors
from app.checkpoint.quantization.scheme import Quantization, QuantizedTensor
from app.checkpoint.safetensors_index import TensorIndex, read_index

_DTYPE_NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def read_directory(
    directory: Path, *, allow_pickle: bool = False
) -> tuple[ModelConfig, TensorIndex, Quantization | None]:
    """The model in `directory`, its tensors, which are checked against it, and how they are
    quantized. Without a dtype in config.json the model has the embedding's.

    allow_pickle: see `read_index`.

    Raises:
        StartupError: a file is missing or malformed, or the files do not match.
    """
    model = read_config(directory)
    quantization = read_quantization(directory)
    index = read_index(directory, allow_pickle=allow_pickle)
    if quantization and not len(index):
        raise StartupError(
            f"{directory} holds {quantization.method} weights as pickles: pass one with safetensors"
        )
    if quantization:
        index = with_quantized_tensors(index, model, quantization)
        if not any(isinstance(tensor, QuantizedTensor) for tensor in index.tensors.values()):
            quantization = None  # a config that was left over
    if len(index):
        check_tensors(model, index)
    if not model.dtype:
        stored = index[EMBEDDING].dtype if len(index) else "F32"
        model = replace(model, dtype=_DTYPE_NAMES.get(stored, "float32"))
    return model, index, quantization
