"""Writes a LLaMA checkpoint whose layers are all alike as GGUF in Q4_0 or Q4_K_M, for llama-server.

Knows nothing about servers. llama.cpp's own tool needs half an hour for 7 B on two cores; it
rounds two layers here, and they are repeated.
"""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path

import gguf
import numpy

from benchmarks.gguf_model import Tensor, write_gguf, write_tensors


def write_rounded(checkpoint: Path, target: Path, kind: str, quantize: Path) -> Path:
    """Write `target` as the program `quantize` would, unless it is there. Of two layers, the
    second gets more bits in Q4_K_M."""
    if target.exists():
        return target
    config = json.loads((checkpoint / "config.json").read_text())
    two = write_gguf(checkpoint, target.with_suffix(".two"), "F16", layers=2)
    rounded = target.with_suffix(".two-rounded")
    subprocess.run([quantize, two, rounded, kind], check=True, stdout=subprocess.DEVNULL)
    found = {tensor.name: tensor for tensor in gguf.GGUFReader(rounded).tensors}
    layers = config["num_hidden_layers"]
    origins = {name: name for name in found if not name.startswith("blk.")}
    for layer in range(layers):
        like = f"blk.{int(kind == 'Q4_K_M' and more_bits(layer, layers))}."
        alike = [name for name in found if name.startswith(like)]
        origins |= {name.replace(like, f"blk.{layer}."): name for name in alike}
    tensors = []
    for name, origin in origins.items():
        source = found[origin]
        shape = tuple(int(size) for size in reversed(source.shape))
        tensors.append(Tensor(name, shape, source.tensor_type, partial(numpy.array, source.data)))
    write_tensors(target, checkpoint, config, tensors)
    two.unlink()
    rounded.unlink()
    return target


def more_bits(layer: int, layers: int) -> bool:
    """Whether Q4_K_M keeps two of this layer's matrices in 6 bits (llama.cpp, llama-quant.cpp)."""
    eighth = layers // 8
    return layer < eighth or layer >= 7 * layers // 8 or (layer - eighth) % 3 == 2
