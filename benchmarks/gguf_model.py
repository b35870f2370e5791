"""Writes a LLaMA checkpoint as GGUF, for llama-server.

Knows nothing about servers. Tensor by tensor, so that a model larger than memory can be written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gguf
import numpy
from safetensors import safe_open

from benchmarks.gguf_tokenizer import describe_tokenizer

Array = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float32]]
NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
    "input_layernorm.weight": "attn_norm.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
}
KINDS = {
    "F32": gguf.GGMLQuantizationType.F32,
    "F16": gguf.GGMLQuantizationType.F16,
    "Q8_0": gguf.GGMLQuantizationType.Q8_0,
}


def write_gguf(checkpoint: Path, target: Path, kind: str, layers: int | None = None) -> Path:
    """Write `target` with matrices of `kind` and norms in float32, unless it is there; layers:
    the first ones only."""
    config = json.loads((checkpoint / "config.json").read_text())
    if layers is not None:
        config["num_hidden_layers"] = layers
    tensors = []
    for source in _sources(checkpoint):
        if source.layer < config["num_hidden_layers"]:
            stored = KINDS[kind] if len(source.shape) == 2 else gguf.GGMLQuantizationType.F32
            load = partial(_stored, source, stored, _heads(source.target, config))
            tensors.append(Tensor(source.target, source.shape, stored, load))
    return write_tensors(target, checkpoint, config, tensors)


@dataclass(frozen=True, slots=True)
class Tensor:
    """One of the file to be written."""

    name: str
    shape: tuple[int, ...]  #: of the matrix, [out, in]
    stored: gguf.GGMLQuantizationType
    load: Callable[[], Array]  #: its bytes, only when it is its turn


def write_tensors(
    target: Path, checkpoint: Path, config: dict[str, Any], tensors: Sequence[Tensor]
) -> Path:
    """Write `target` unless it is there. checkpoint: has the tokenizer."""
    if target.exists():
        return target
    unfinished = target.with_suffix(".part")
    writer = gguf.GGUFWriter(unfinished, "llama")
    _describe(writer, config)
    describe_tokenizer(writer, checkpoint, config)
    for tensor in tensors:
        numbers, block_bytes = gguf.GGML_QUANT_SIZES[tensor.stored]
        size = math.prod(tensor.shape) // numbers * block_bytes
        dtype = numpy.dtype("float32")
        writer.add_tensor_info(tensor.name, tensor.shape, dtype, size, tensor.stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in tensors:
        writer.write_tensor_data(tensor.load())
    writer.close()
    unfinished.rename(target)
    return target


@dataclass(frozen=True, slots=True)
class _Source:
    """A tensor of the checkpoint."""

    path: Path
    name: str
    target: str
    shape: tuple[int, ...]

    @property
    def layer(self) -> int:
        """Its layer's number; -1 for what is in none."""
        parts = self.target.split(".")
        return int(parts[1]) if parts[0] == "blk" else -1

    def read(self) -> Array:
        """In float32."""
        with safe_open(self.path, framework="pt") as file:
            array: Array = file.get_tensor(self.name).float().numpy()
            return array


def _sources(checkpoint: Path) -> Iterator[_Source]:
    for path in sorted(checkpoint.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():
                shape = tuple(file.get_slice(name).get_shape())
                yield _Source(path, name, _target(name), shape)


def _target(name: str) -> str:
    """model.layers.3.mlp.up_proj.weight ▸ blk.3.ffn_up.weight"""
    if not name.startswith("model.layers."):
        return NAMES[name]
    number, rest = name.removeprefix("model.layers.").split(".", 1)
    return f"blk.{number}.{NAMES[rest]}"


def _heads(name: str, config: dict[str, Any]) -> int:
    """How many heads a tensor's rows belong to, where ggml stores them in an order of its own;
    0 elsewhere."""
    if name.endswith("attn_q.weight"):
        return int(config["num_attention_heads"])
    return int(config["num_key_value_heads"]) if name.endswith("attn_k.weight") else 0


def _stored(source: _Source, stored: gguf.GGMLQuantizationType, heads: int) -> Array:
    array = source.read()
    if heads:
        array = _interleaved(array, heads)
    quantized: Array = gguf.quants.quantize(array, stored)
    return quantized


def _interleaved(array: Array, heads: int) -> Array:
    """Rows as ggml rotates them: pairs side by side instead of half a head apart."""
    rows, columns = array.shape
    return array.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(array.shape)


def _describe(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    heads = config["num_attention_heads"]
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_rope_freq_base(theta)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
