"""A GGUF file's hyperparameters: those of the config.json that it was made from."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind

from app.checkpoint.check import check_without_memory
from app.checkpoint.config import ModelConfig, read_config
from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.gguf_file import read_gguf
from app.checkpoint.gguf.model_config import read_model_config
from app.checkpoint.gguf.tensor_types import TENSOR_TYPES, UNSUPPORTED
from app.checkpoint.rope import FREQUENCY_FACTORS, RopeConfig
from app.tokenizer.tokenizer import load_tokenizer
from config import EMBEDDED_MODEL, Config
from tests.harness.gguf_model import (
    Describe,
    Stored,
    random_tensors,
    sentencepiece_vocabulary,
    write_gguf,
)
from tests.harness.model_directory import config_json, write_config

MODEL = (Path(EMBEDDED_MODEL) / "tokenizer.model").read_bytes()
VOCABULARY = sentencepiece_vocabulary(MODEL)
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def write(
    path: Path,
    metadata: Describe | None = None,
    more: dict[str, Stored] | None = None,
    kind: Kind = Kind.F16,
    **changes: Any,
) -> Path:
    tensors = random_tensors(config_json(**changes), lambda name: kind)
    return write_gguf(path, tensors | (more or {}), VOCABULARY, metadata, **changes)


def read(path: Path) -> ModelConfig:
    return read_model_config(read_gguf(path))


def architecture(kind: str) -> dict[str, Any]:
    name = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3"}[kind]
    return {"model_type": kind, "architectures": [f"{name}ForCausalLM"], "rms_norm_eps": 1e-5}


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("tied", [False, True])
def test_the_config_is_that_of_the_directory(tmp_path: Path, kind: str, tied: bool) -> None:
    changes = architecture(kind) | {
        "head_dim": 16,
        "tie_word_embeddings": tied,
        "rope_theta": 500_000.0,
        "eos_token_id": 2,
    }
    ours = read(write(tmp_path / "a.gguf", **changes))
    assert ours == read_config(write_config(tmp_path / "directory", **changes))


def test_biases(tmp_path: Path) -> None:
    changes = architecture("llama") | {"attention_bias": True, "mlp_bias": True}
    ours = read(write(tmp_path / "a.gguf", **changes))
    assert (ours.qkv_bias, ours.o_bias, ours.mlp_bias) == (True, True, True)


@pytest.mark.parametrize(("kind", "dtype"), [(Kind.F32, "float32"), (Kind.BF16, "bfloat16")])
def test_the_dtype_is_that_of_most_weights(tmp_path: Path, kind: Kind, dtype: str) -> None:
    assert read(write(tmp_path / "a.gguf", kind=kind)).dtype == dtype


def llama3_factors(head_dim: int, theta: float, scaling: dict[str, Any]) -> np.ndarray:
    """As llama.cpp's converter computes them."""
    factors = []
    low = scaling["original_max_position_embeddings"] / scaling["low_freq_factor"]
    high = scaling["original_max_position_embeddings"] / scaling["high_freq_factor"]
    for index in range(0, head_dim, 2):
        wavelength = 2 * math.pi * theta ** (index / head_dim)
        smooth = scaling["original_max_position_embeddings"] / wavelength
        smooth = (smooth - scaling["low_freq_factor"]) / (
            scaling["high_freq_factor"] - scaling["low_freq_factor"]
        )
        between = 1 / ((1 - smooth) / scaling["factor"] + smooth)
        factors.append(
            1.0 if wavelength < high else scaling["factor"] if wavelength > low else between
        )
    return np.array(factors, np.float32)


def test_llama3_is_found_in_its_factors(tmp_path: Path) -> None:
    more = {"rope_freqs.weight": (llama3_factors(16, 10_000.0, LLAMA3), Kind.F32)}
    changes = {"head_dim": 16}
    ours = read(write(tmp_path / "a.gguf", more=more, **changes))
    original = write_config(tmp_path / "directory", rope_scaling=LLAMA3, **changes)
    assert ours.rope == read_config(original).rope


def test_other_factors_are_used_as_they_are(tmp_path: Path) -> None:
    factors = np.array([1, 1.5, 3, 3, 5, 6, 7, 8], np.float32)
    more = {"rope_freqs.weight": (factors, Kind.F32)}
    ours = read(write(tmp_path / "a.gguf", more=more, head_dim=16))
    assert ours.rope == RopeConfig(10_000.0, FREQUENCY_FACTORS, {"factors": tuple(factors)})


@pytest.mark.parametrize("factors", [np.ones(8), np.full(5, 2.0), np.full(8, np.nan)])
def test_factors_without_effect_and_broken_ones(tmp_path: Path, factors: np.ndarray) -> None:
    more = {"rope_freqs.weight": (factors.astype(np.float32), Kind.F32)}
    path = write(tmp_path / "a.gguf", more=more, head_dim=16)
    if factors[0] == 1:
        assert read(path).rope.kind == "default"
    else:
        with pytest.raises(StartupError, match=r"rope_freqs\.weight"):
            read(path)


@pytest.mark.parametrize("kind", ["linear", "yarn"])
def test_rope_scaling(tmp_path: Path, kind: str) -> None:
    scaling: dict[str, Any] = {"rope_type": kind, "factor": 4.0}

    def describe(writer: gguf.GGUFWriter) -> None:
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(4.0)
        if kind == "yarn":
            writer.add_rope_scaling_orig_ctx_len(64)
            writer.add_rope_scaling_attn_factors(2.0)

    if kind == "yarn":
        scaling["original_max_position_embeddings"] = 64
        scaling["attention_factor"] = 2.0 * (0.1 * math.log(4.0) + 1.0)
    ours = read(write(tmp_path / "a.gguf", describe))
    original = read_config(write_config(tmp_path / "directory", rope_scaling=scaling))
    assert ours.rope == original.rope
    assert ours.max_context == original.max_context == (1024 if kind == "linear" else 256)


def test_the_tokens_that_end_an_answer(tmp_path: Path) -> None:
    """eos, eot, and control tokens whose text is known."""
    added = dict.fromkeys(("<|im_end|>", "<|eot_id|>", "<|im_start|>"), gguf.TokenType.CONTROL)
    vocabulary = sentencepiece_vocabulary(MODEL, added)
    tensors = random_tensors(config_json(vocab_size=6613), lambda name: Kind.F16)
    path = write_gguf(tmp_path / "a.gguf", tensors, vocabulary, vocab_size=6613)
    assert read(path).eos_ids == (2, 6610, 6611)


def test_recommended_sampling(tmp_path: Path) -> None:
    def describe(writer: gguf.GGUFWriter) -> None:
        writer.add_float32("general.sampling.temp", 0.5)
        writer.add_int32("general.sampling.top_k", 20)

    path = write(tmp_path / "a.gguf", describe)
    config = Config(BASE_MODEL=str(path), ONLY_CPU=True, GENERATION_CONFIG="auto")
    assert check_without_memory(config).sampling_defaults == {"temperature": 0.5, "top_k": 20}
    assert check_without_memory(replace(config, GENERATION_CONFIG="none")).sampling_defaults == {}


@pytest.mark.parametrize(
    ("dtype", "wide"), [("auto", 4), ("float32", 4), ("float16", 2), ("bfloat16", 2)]
)
def test_memory_by_type_and_flag(tmp_path: Path, dtype: str, wide: int) -> None:
    """Quantized weights in float32, or in the 16 bits of --dtype; 16-bit ones as they are."""
    path = write(tmp_path / "a.gguf", kind=Kind.Q8_0, intermediate_size=64)
    table = check_without_memory(Config(BASE_MODEL=str(path), ONLY_CPU=True, DTYPE=dtype)).memory
    assert table.embedding == table.head == wide * 64 * 32
    path = write(tmp_path / "b.gguf", kind=Kind.F16)
    table = check_without_memory(Config(BASE_MODEL=str(path), ONLY_CPU=True, DTYPE=dtype)).memory
    assert table.embedding == 2 * 64 * 32


def test_types_are_those_of_the_package() -> None:
    for number, kind in TENSOR_TYPES.items():
        assert Kind(number).name == kind.name
        assert gguf.GGML_QUANT_SIZES[Kind(number)] == (kind.block_elements, kind.block_bytes)
    assert {kind.value: kind.name for kind in Kind if kind not in TENSOR_TYPES} == UNSUPPORTED


@pytest.mark.parametrize("value", [1e-5, 0.1, 1.6, 500_000.0, 1e6, 16_777_217.0, 1 / 3, 1e-30])
def test_numbers_are_the_decimals_that_were_written(tmp_path: Path, value: float) -> None:
    """float32 in the file: the shortest decimal number that rounds to it."""

    def describe(writer: gguf.GGUFWriter) -> None:
        writer.add_float32("test.number", value)

    found = read_gguf(write(tmp_path / "a.gguf", describe)).metadata.values["test.number"]
    assert np.float32(found) == np.float32(value)
    assert len(repr(found)) <= len(repr(float(np.float32(value))))
    if value < 1e6 and value != 1 / 3:
        assert found == value


def test_ids_that_stand_for_no_token(tmp_path: Path) -> None:
    """-1, and ids beyond the vocabulary."""

    def describe(writer: gguf.GGUFWriter) -> None:
        writer.add_int32("tokenizer.ggml.eot_token_id", -1)
        writer.add_uint32("tokenizer.ggml.eom_token_id", 2**32 - 1)
        writer.add_uint32("tokenizer.ggml.padding_token_id", 2**32 - 1)

    path = write(tmp_path / "a.gguf", describe)
    assert read(path).eos_ids == (2,)
    assert "pad_token" not in dict(load_tokenizer(path).named_tokens)
