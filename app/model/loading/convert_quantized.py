"""`python wsgi.py convert DIR OUT`: writes a directory quantized with compressed-tensors or GPTQ as
one that is not.

Values are not rounded: 16-bit and float32 tensors keep their dtype, quantized ones become float32.
"""

from __future__ import annotations

import json
from pathlib import Path

from app.checkpoint.errors import StartupError
from app.checkpoint.hf_directory import read_directory
from app.checkpoint.json_file import read_json
from app.checkpoint.quantization.quantization_config import KEYS, QUANTIZE_CONFIG, read_quantization
from app.checkpoint.safe_open import file_exists
from app.checkpoint.safetensors_index import INDEX
from app.model.loading.new_directory import copy_descriptions, new_directory
from app.model.loading.plain_directory import write_weights
from app.model.loading.quantized_source import from_quantized

_WRITTEN = ("config.json", QUANTIZE_CONFIG, INDEX)


def is_quantized(directory: Path) -> bool:
    """Whether `directory` says that its weights are quantized.

    Raises:
        StartupError: it says so, but in a way that is not read.
    """
    return file_exists(directory / "config.json") and read_quantization(directory) is not None


def convert_quantized(source: Path, target: Path) -> list[Path]:
    """Convert the directory `source` into the new directory `target`; returns the written files of
    weights.

    Raises:
        StartupError: `target` exists already, or `source` is malformed or not supported.
    """
    model, tensors, quantization = read_directory(source)
    if quantization is None:
        raise StartupError(f"{source} needs no conversion: no matrix in it is quantized")
    config = read_json(source / "config.json")
    config = {name: value for name, value in config.items() if name not in (*KEYS, "torch_dtype")}
    with new_directory(target) as directory:
        text = json.dumps(config | {"dtype": "float32"}, ensure_ascii=False, indent=1)
        (directory / "config.json").write_text(text + "\n", encoding="utf-8")
        names = write_weights(model, tensors, from_quantized(tensors), directory)
        copy_descriptions(source, directory, without=_WRITTEN)
    return [target / name for name in names]
