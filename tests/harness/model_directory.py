"""Writes tiny model directories, valid and invalid, without torch."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from app.checkpoint.config import read_config
from app.checkpoint.expected_tensors import expected_shapes
from config import EMBEDDED_MODEL

#: The embedded model's vocabulary.
PIECES: int = json.loads((Path(EMBEDDED_MODEL) / "config.json").read_text())["vocab_size"]
SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}


def config_json(**changes: Any) -> dict[str, Any]:
    """A tiny llama's config.json; a change to ... removes the key."""
    values = {"architectures": ["LlamaForCausalLM"], **SIZES, "torch_dtype": "float16", **changes}
    return {name: value for name, value in values.items() if value is not ...}


def write_config(directory: Path, **changes: Any) -> Path:
    """config.json alone."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config_json(**changes)))
    return directory


def weights(directory: Path, dtype: str = "float16") -> dict[str, np.ndarray]:
    """Tensors of zeros with the shapes of `directory`'s config.json."""
    shapes = expected_shapes(read_config(directory))
    return {name: np.zeros(shape, dtype) for name, shape in shapes.items()}


def write_model(directory: Path, **changes: Any) -> Path:
    """A complete directory that passes every check, with the embedded model's tokenizer."""
    write_config(directory, **changes)
    save_file(weights(directory), directory / "model.safetensors")
    shutil.copy(Path(EMBEDDED_MODEL) / "tokenizer.model", directory)
    return directory


def write_shards(directory: Path) -> Path:
    """As `write_model`, the weights in two shards with an index."""
    write_model(directory)
    (directory / "model.safetensors").unlink()
    tensors = weights(directory)
    names = sorted(tensors)
    files = {
        "model-00001-of-00002.safetensors": names[:9],
        "model-00002-of-00002.safetensors": names[9:],
    }
    for file, shard in files.items():
        save_file({name: tensors[name] for name in shard}, directory / file)
    weight_map = {name: file for file, shard in files.items() for name in shard}
    index = {"metadata": {}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    return directory


def write_header(path: Path, header: object, data: bytes = b"") -> Path:
    """A safetensors file with any header, valid or not."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)
    return path
