"""Weights of GGUF files: every type against the `gguf` package's values, in transformers' model."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from torch import Tensor
from transformers import PreTrainedModel

from app.checkpoint.check import CheckedModel
from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.tensor_types import IDS
from app.model.cpu_kernels.packed_int4_weights import Int4PanelLinear
from app.model.cpu_kernels.packed_int8_weights import Int8PanelLinear
from app.model.cpu_kernels.quantized_linear import QuantizedPanelLinear
from app.model.loading.ggml_int8 import INT8_TYPES
from app.model.loading.gguf_source import GgufRows, from_gguf
from app.model.loading.load import load_weights
from app.model.loading.storage import describe_storage
from app.model.stored_matrix import StoredMatrix, stack, whole
from tests.harness.gguf_model import Stored, dequantized, random_tensors, write_gguf
from tests.harness.model_directory import config_json
from tests.model.prompt_logits import checked, expected_logits, logits, transformers_model

SHAPE: dict[str, Any] = {
    "vocab_size": 256,
    "hidden_size": 512,
    "intermediate_size": 768,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "num_hidden_layers": 1,
    "rms_norm_eps": 1e-5,
}


def changes(architecture: str) -> dict[str, Any]:
    name = {"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3"}[architecture]
    head_dim = {"head_dim": 128} if architecture == "qwen3" else {}
    return SHAPE | {"model_type": architecture, "architectures": [f"{name}ForCausalLM"]} | head_dim


def save(
    path: Path, kind_of: Callable[[str], Kind], architecture: str = "llama"
) -> dict[str, Stored]:
    config = changes(architecture)
    tensors = random_tensors(config_json(**config), kind_of)
    write_gguf(path, tensors, **config)
    return tensors


@cache
def architecture_model(architecture: str) -> PreTrainedModel:
    """transformers' model, its weights still to be loaded."""
    return transformers_model(**changes(architecture))


def expected(tensors: dict[str, Stored], architecture: str = "llama") -> Tensor:
    """Of transformers' float32 model with the `gguf` package's values."""
    values = {name: torch.from_numpy(array) for name, array in dequantized(tensors).items()}
    return expected_logits(architecture_model(architecture), values)


@pytest.mark.parametrize("kind", IDS)
def test_every_type(tmp_path: Path, kind: str) -> None:
    tensors = save(tmp_path / "a.gguf", lambda name: Kind[kind])
    assert (logits(tmp_path / "a.gguf") - expected(tensors)).abs().max() < 1e-4


@pytest.mark.parametrize("architecture", ["qwen2", "qwen3"])
def test_other_architectures(tmp_path: Path, architecture: str) -> None:
    tensors = save(tmp_path / "a.gguf", lambda name: Kind.Q4_K, architecture)
    found = logits(tmp_path / "a.gguf")
    assert (found - expected(tensors, architecture)).abs().max() < 1e-4


def mixed(name: str) -> Kind:
    """As Q4_K_M: some matrices in more bits, within a fused one too."""
    if "v_proj" in name or "down_proj" in name:
        return Kind.Q6_K
    return Kind.F16 if "k_proj" in name else Kind.Q4_K


def test_types_may_differ(tmp_path: Path) -> None:
    tensors = save(tmp_path / "a.gguf", mixed)
    assert (logits(tmp_path / "a.gguf") - expected(tensors)).abs().max() < 1e-4


def test_parts(tmp_path: Path) -> None:
    """As the `gguf` package writes them."""
    tensors = random_tensors(config_json(**changes("llama")), mixed)
    write_gguf(tmp_path / "llama.gguf", tensors, tensors_per_part=5, **changes("llama"))
    parts = sorted(tmp_path.iterdir())
    assert parts[0].name == "llama-00001-of-00003.gguf"
    assert (logits(parts[0]) - expected(tensors)).abs().max() < 1e-4


def identity_products(linear: QuantizedPanelLinear) -> Tensor:
    """The layer's weights, [out, in]: unit vectors are not rounded in 8 bits."""
    return linear(torch.eye(linear.inputs) * 127.0).T / 127.0


@pytest.mark.parametrize(
    "kind",
    [
        kind if kind in ("Q8_0", "Q5_0", "Q4_K") else pytest.param(kind, marks=pytest.mark.figures)
        for kind in IDS
    ],
)
def test_8_bits_are_exact_where_the_groups_are_the_same(tmp_path: Path, kind: str) -> None:
    tensors = save(tmp_path / "a.gguf", lambda name: Kind[kind])
    config, model = checked(tmp_path / "a.gguf", LOAD_IN_8BIT=True)
    with torch.inference_mode():
        weights = load_weights(config, model, lambda done, total: None)
    values = dequantized(tensors)
    prefix = "model.layers.0."
    fused = [f"{prefix}self_attn.{name}_proj.weight" for name in "qkv"]
    for linear, names in (
        (weights.layers[0].qkv_proj, fused),
        (weights.layers[0].down_proj, [f"{prefix}mlp.down_proj.weight"]),
        (weights.lm_head, ["lm_head.weight"]),
    ):
        assert isinstance(linear, Int8PanelLinear)
        expected = torch.from_numpy(np.concatenate([values[name] for name in names]))
        error = (identity_products(linear) - expected).abs().max() / expected.abs().max()
        assert linear.exact == (kind in INT8_TYPES)
        assert error < (1e-6 if linear.exact else 0.01)
    words = "repacked without rounding" if kind in INT8_TYPES else "0 of 5 matrices repacked"
    assert words in describe_storage(config, model, weights)


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1", "Q8_0"])
def test_4_bits_are_exact_where_the_groups_are_the_same(tmp_path: Path, kind: str) -> None:
    tensors = save(tmp_path / "a.gguf", lambda name: Kind[kind])
    config, model = checked(tmp_path / "a.gguf", LOAD_IN_4BIT=True)
    with torch.inference_mode():
        weights = load_weights(config, model, lambda done, total: None)
    values = dequantized(tensors)["model.layers.0.mlp.down_proj.weight"]
    linear = weights.layers[0].down_proj
    assert isinstance(linear, Int4PanelLinear)
    expected = torch.from_numpy(values)
    error = (identity_products(linear) - expected).abs().max() / expected.abs().max()
    assert linear.exact == (kind == "Q4_0")
    assert error < (1e-6 if linear.exact else 0.15)
    exact = {"Q4_0": 5, "Q4_1": 0, "Q8_0": 1}[kind]  # lm_head has 8 bits
    words = "repacked without rounding" if exact == 5 else f"{exact} of 5 matrices repacked"
    assert words in describe_storage(config, model, weights)


def test_the_most_negative_integer(tmp_path: Path) -> None:
    """-128 fits the integers of Q8_0, though no quantizer makes it."""
    config, tensors = (
        changes("llama"),
        random_tensors(config_json(**changes("llama")), lambda n: Kind.Q8_0),
    )
    raw, kind = tensors["lm_head.weight"]
    raw.reshape(256, -1, 34)[..., 2:] = np.int8(-128).view(np.uint8)
    write_gguf(tmp_path / "a.gguf", tensors, **config)
    settings, model = checked(tmp_path / "a.gguf", LOAD_IN_8BIT=True)
    with torch.inference_mode():
        weights = load_weights(settings, model, lambda done, total: None)
    assert isinstance(weights.lm_head, Int8PanelLinear)
    expected = torch.from_numpy(gguf.dequantize(raw, kind))
    assert torch.allclose(identity_products(weights.lm_head), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", pytest.param("bfloat16", marks=pytest.mark.figures)])
def test_16_bits_on_request(tmp_path: Path, dtype: str) -> None:
    """The values rounded once."""
    save(tmp_path / "a.gguf", lambda name: Kind.Q5_1)
    config, model = checked(tmp_path / "a.gguf", DTYPE=dtype)
    exact, rounded = (
        whole(
            from_gguf(model.tensors, model.model, rounded=each)("model.layers.0.mlp.up_proj.weight")
        )
        for each in (None, dtype)
    )
    assert rounded.equal(exact.to(getattr(torch, dtype)))
    with torch.inference_mode():
        weights = load_weights(config, model, lambda done, total: None)
    assert weights.embedding.dtype == getattr(torch, dtype)
    assert f"rounded to {dtype}" in describe_storage(config, model, weights)
    assert weights.nbytes == 2 * matrix_elements(model)


def matrix_elements(model: CheckedModel) -> int:
    shapes = [tensor.shape for tensor in model.tensors.tensors.values()]
    return sum(shape[0] * shape[1] for shape in shapes if len(shape) == 2)


def test_rows_in_any_blocks(tmp_path: Path) -> None:
    """Of q and k, whose rows have another order in the file, too."""
    save(tmp_path / "a.gguf", mixed)
    _, model = checked(tmp_path / "a.gguf")
    source = from_gguf(model.tensors, model.model)
    q = source("model.layers.0.self_attn.q_proj.weight")
    v = source("model.layers.0.self_attn.v_proj.weight")
    both = stack([q, v])
    assert isinstance(both, StoredMatrix)
    expected = torch.cat([whole(q), whole(v)])
    for first, last in ((0, 1), (63, 65), (5, 200), (500, 530), (700, 768)):
        assert both.rows(slice(first, last)).equal(expected[first:last])


def test_a_file_that_becomes_shorter(tmp_path: Path) -> None:
    save(tmp_path / "a.gguf", mixed)
    _, model = checked(tmp_path / "a.gguf")
    source = from_gguf(model.tensors, model.model)
    with (tmp_path / "a.gguf").open("r+b") as file:
        file.truncate(100_000)
    with pytest.raises(StartupError, match="became shorter"):
        whole(source("lm_head.weight"))


@pytest.mark.parametrize("bits", [{}, {"LOAD_IN_8BIT": True}])
def test_a_tied_head_is_dequantized_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bits: dict[str, bool]
) -> None:
    """At full precision it is the embedding; in 8 bits its integers are read, and no floats."""
    fields = changes("llama") | {"vocab_size": 320, "tie_word_embeddings": True}
    tensors = random_tensors(config_json(**fields), lambda name: Kind.Q8_0)
    write_gguf(tmp_path / "a.gguf", tensors, **fields)
    shapes: list[tuple[int, int]] = []
    rows_of = GgufRows.rows

    def counted(self: GgufRows, rows: slice) -> Tensor:
        shapes.append(self.shape)
        return rows_of(self, rows)

    monkeypatch.setattr(GgufRows, "rows", counted)
    config, model = checked(tmp_path / "a.gguf", **bits)
    weights = load_weights(config, model, lambda done, total: None)
    assert shapes.count((320, SHAPE["hidden_size"])) == 1
    embedding = torch.from_numpy(dequantized(tensors)["model.embed_tokens.weight"])
    assert torch.equal(weights.embedding, embedding)
