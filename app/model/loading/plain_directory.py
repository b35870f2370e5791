"""Writes the weights of a Hugging Face directory, in files of at most a gigabyte.

Values are not rounded: tensors keep their dtype, and quantized ones are float32.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from safetensors.torch import save_file

from app.checkpoint.config import ModelConfig
from app.checkpoint.expected_tensors import expected_shapes
from app.checkpoint.safetensors_index import DTYPE_BYTES, INDEX, SINGLE, TensorIndex
from app.model.loading.build_weights import Source
from app.model.stored_matrix import whole

#: Most bytes of one file of weights, which are in memory together while it is written.
_SHARD_BYTES = 2**30


def write_weights(
    model: ModelConfig, tensors: TensorIndex, source: Source, directory: Path
) -> list[str]:
    """Write all tensors of `model` from `source` into `directory`; returns the files' names.

    tensors: what is known of them.
    """
    shards = list(_shards(model, tensors))
    names = [SINGLE] if len(shards) == 1 else [
        f"model-{number:05}-of-{len(shards):05}.safetensors" for number in range(1, len(shards) + 1)
    ]  # fmt: skip
    for file, shard in zip(names, shards, strict=True):
        values = {name: whole(source(name)).contiguous() for name in shard}
        save_file(values, directory / file, {"format": "pt"})
    if len(shards) > 1:
        files = dict(zip(names, shards, strict=True))
        weight_map = {name: file for file, shard in files.items() for name in shard}
        index = {"metadata": {}, "weight_map": weight_map}
        (directory / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
    return names


def _shards(model: ModelConfig, tensors: TensorIndex) -> Iterator[Sequence[str]]:
    """The tensors' names, in groups of at most _SHARD_BYTES."""
    shard: list[str] = []
    size = 0
    for name in expected_shapes(model):
        tensor = tensors[name]
        added = math.prod(tensor.shape) * DTYPE_BYTES.get(tensor.dtype, 4)
        if shard and size + added > _SHARD_BYTES:
            yield shard
            shard, size = [], 0
        shard.append(name)
        size += added
    yield shard
