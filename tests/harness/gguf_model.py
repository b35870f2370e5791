"""Writes GGUF models and vocabularies with the `gguf` package, as llama.cpp's converter does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf import TokenType
from sentencepiece.sentencepiece_model_pb2 import ModelProto

from app.checkpoint.config import parse_config
from app.checkpoint.expected_tensors import expected_shapes
from app.checkpoint.gguf.tensor_names import ggml_name
from app.checkpoint.json_file import Fields
from tests.harness.model_directory import config_json

#: A tensor's bytes, [rows, bytes] or a float array, and its type.
Stored = tuple[np.ndarray, Kind]
Describe = Callable[[gguf.GGUFWriter], None]
#: Bytes at which the float16 scales of a block are.
_SCALES = {Kind.Q4_0: (0,), Kind.Q4_1: (0, 2), Kind.Q5_0: (0,), Kind.Q5_1: (0, 2), Kind.Q8_0: (0,),
           Kind.Q4_K: (0, 2), Kind.Q5_K: (0, 2), Kind.Q6_K: (208,)}  # fmt: skip
#: Scales with which random bits give weights of about 0.1.
_LARGEST = {Kind.Q4_0: 0.02, Kind.Q4_1: 0.01, Kind.Q5_0: 0.01, Kind.Q5_1: 0.005, Kind.Q8_0: 0.002,
            Kind.Q4_K: 3e-4, Kind.Q5_K: 2e-4, Kind.Q6_K: 5e-5}  # fmt: skip


def random_blocks(shape: tuple[int, int], kind: Kind, rng: np.random.Generator) -> np.ndarray:
    """Rows of `kind` with random bits, but for their scales: uint8 [rows, bytes]."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    if kind not in _SCALES:
        values = rng.normal(0, 0.1, shape).astype(np.float32)
        stored: np.ndarray = gguf.quants.quantize(values, kind).view(np.uint8)
        return stored
    blocks = rng.integers(0, 256, (shape[0], shape[1] // elements, size), np.uint8)
    for offset in _SCALES[kind]:
        scales = rng.uniform(0.2, 1, blocks.shape[:2]) * _LARGEST[kind] * rng.choice([-1, 1])
        blocks[..., offset : offset + 2] = scales.astype(np.float16)[..., None].view(np.uint8)
    return blocks.reshape(shape[0], -1)


def random_tensors(
    config: Mapping[str, Any], kind_of: Callable[[str], Kind], seed: int = 0
) -> dict[str, Stored]:
    """Tensors for a config.json's model, by Hugging Face's names; vectors are float32."""
    rng = np.random.default_rng(seed)
    tensors: dict[str, Stored] = {}
    for name, shape in expected_shapes(
        parse_config(Fields(dict(config), "test"), Fields({}, ""))
    ).items():
        if len(shape) == 1:
            low = 0.5 if "norm" in name else -0.3
            tensors[name] = (rng.uniform(low, low + 1, shape).astype(np.float32), Kind.F32)
        else:
            tensors[name] = (random_blocks((shape[0], shape[1]), kind_of(name), rng), kind_of(name))
    return tensors


def dequantized(tensors: Mapping[str, Stored]) -> dict[str, np.ndarray]:
    """Their values by the `gguf` package, float32."""
    return {
        name: (array if array.dtype == np.float32 else gguf.dequantize(array, kind)).astype(
            np.float32
        )
        for name, (array, kind) in tensors.items()
    }


def write_gguf(
    path: Path,
    tensors: Mapping[str, Stored],
    vocabulary: Describe | None = None,
    metadata: Describe | None = None,
    tensors_per_part: int = 0,
    **config: Any,
) -> Path:
    """A model file. tensors: by Hugging Face's names, rows in its order; vocabulary, metadata: add
    keys; tensors_per_part: 0 writes one file, others `path` with the parts' numbers; config:
    changes to `config_json`."""
    values = config_json(**config)
    architecture = values.get("model_type", "llama")
    writer = gguf.GGUFWriter(path, architecture, split_max_tensors=tensors_per_part)
    _describe(writer, values)
    for describe in (vocabulary, metadata):
        if describe is not None:
            describe(writer)
    heads = {"q_proj": values["num_attention_heads"], "k_proj": values["num_key_value_heads"]}
    for name, (array, kind) in tensors.items():
        if architecture == "llama":
            array = _interleaved(array, heads.get(name.split(".")[-2], 0))
        raw = array.dtype == np.uint8
        writer.add_tensor(ggml_name(name), array, raw_dtype=kind if raw else None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _interleaved(array: np.ndarray, heads: int) -> np.ndarray:
    """Rows as ggml rotates them: pairs side by side instead of half a head apart."""
    if not heads:
        return array
    halves = array.reshape(heads, 2, array.shape[0] // heads // 2, *array.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(array.shape)


def _describe(writer: gguf.GGUFWriter, values: Mapping[str, Any]) -> None:
    writer.add_context_length(values["max_position_embeddings"])
    writer.add_embedding_length(values["hidden_size"])
    writer.add_block_count(values["num_hidden_layers"])
    writer.add_feed_forward_length(values["intermediate_size"])
    writer.add_head_count(values["num_attention_heads"])
    writer.add_head_count_kv(values["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(values.get("rms_norm_eps", 1e-5))
    writer.add_rope_freq_base(values.get("rope_theta", 10_000.0))
    if head_dim := values.get("head_dim"):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)


def sentencepiece_vocabulary(model: bytes, added: Mapping[str, TokenType] = {}) -> Describe:
    """The keys of a tokenizer.model, and of tokens added after it."""
    proto = ModelProto.FromString(model)
    texts = [piece.piece for piece in proto.pieces] + [*added]
    scores = [piece.score for piece in proto.pieces] + [-1000.0] * len(added)
    types = [TokenType(piece.type) for piece in proto.pieces] + [*added.values()]

    def describe(writer: gguf.GGUFWriter) -> None:
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(texts)
        writer.add_token_scores(scores)
        writer.add_token_types(types)
        writer.add_bos_token_id(proto.trainer_spec.bos_id)
        writer.add_eos_token_id(proto.trainer_spec.eos_id)
        writer.add_unk_token_id(proto.trainer_spec.unk_id)

    return describe


def bpe_vocabulary(directory: Path, pre: str, **named: int) -> Describe:
    """The keys of a directory's byte-level tokenizer.json; named: bos=1 and the like."""
    document = json.loads((directory / "tokenizer.json").read_text(encoding="utf-8"))
    ids = dict(document["model"]["vocab"])
    added = {each["content"]: each for each in document["added_tokens"]}
    ids |= {text: each["id"] for text, each in added.items()}
    texts = sorted(ids, key=lambda text: ids[text])
    types = [
        TokenType.NORMAL if text not in added
        else TokenType.CONTROL if added[text]["special"] else TokenType.USER_DEFINED
        for text in texts
    ]  # fmt: skip
    merges = [m if isinstance(m, str) else " ".join(m) for m in document["model"]["merges"]]

    def describe(writer: gguf.GGUFWriter) -> None:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        writer.add_token_list(texts)
        writer.add_token_types(types)
        writer.add_token_merges(merges)
        for name, token in named.items():
            getattr(writer, f"add_{name}_token_id")(token)

    return describe
