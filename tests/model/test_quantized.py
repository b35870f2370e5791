"""Weights quantized with compressed-tensors and GPTQ: against the reference values."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from app.model.cpu_kernels.quantized_linear import QuantizedPanelLinear
from app.model.loading.load import load_weights
from app.model.loading.quantized_source import from_quantized
from app.model.loading.storage import describe_storage
from app.model.stored_matrix import StoredMatrix, stack, whole
from tests.harness.quantized_model import CompressedTensors, Gptq, Quantize, write_quantized
from tests.model.prompt_logits import checked, expected_logits, logits, transformers_model

SHAPE: dict[str, Any] = {
    "vocab_size": 256,
    "hidden_size": 256,
    "intermediate_size": 384,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "num_hidden_layers": 2,
    "rms_norm_eps": 1e-5,
    "model_type": "llama",
}
Scheme = CompressedTensors | Gptq
SCHEMES: dict[str, Scheme] = {
    "W4A16 g128": CompressedTensors(),
    "W4A16 g64 F16": CompressedTensors(group=64, scale_dtype=torch.float16),
    "W4A16 g32 asymmetric": CompressedTensors(group=32, symmetric=False),
    "W4A16 per channel": CompressedTensors(group=None),
    "W4A16 per channel asymmetric": CompressedTensors(group=None, symmetric=False),
    "W4A16 g16": CompressedTensors(group=16),
    "W8A16 packed per channel": CompressedTensors(8, None),
    "W8A16 packed g128 asymmetric": CompressedTensors(8, 128, symmetric=False),
    "W8A16 int8 per channel": CompressedTensors(8, None, form="int-quantized"),
    "W8A16 int8 g64": CompressedTensors(8, 64, form="int-quantized"),
    "W8A16 int8 asymmetric": CompressedTensors(8, None, symmetric=False, form="int-quantized"),
    "GPTQ g128": Gptq(),
    "GPTQ g32 asymmetric": Gptq(group=32, symmetric=False),
    "GPTQ per channel": Gptq(group=None, order=False),
    "GPTQ v2 g64 asymmetric": Gptq(group=64, symmetric=False, form="gptq_v2"),
    "GPTQ 8 bits g64": Gptq(8, 64),
    "GPTQ 8 bits g32 asymmetric": Gptq(8, 32, symmetric=False),
    "GPTQ v2 8 bits per channel": Gptq(8, None, form="gptq_v2"),
}
#: Those whose values our panels of 8 and of 4 bits hold.
EXACT_IN_8 = {name for name, scheme in SCHEMES.items()
              if scheme.group != 16 and (scheme.bits == 4 or scheme.symmetric)}  # fmt: skip
EXACT_IN_4 = {name for name in EXACT_IN_8 if SCHEMES[name].bits == 4}


#: Between them every layout, kind of group and number of bits.
DIFFERENT = (
    "W4A16 g128",
    "W4A16 g32 asymmetric",
    "W4A16 per channel asymmetric",
    "W8A16 packed g128 asymmetric",
    "W8A16 int8 g64",
    "W8A16 int8 asymmetric",
    "GPTQ g32 asymmetric",
    "GPTQ per channel",
    "GPTQ v2 g64 asymmetric",
    "GPTQ 8 bits g32 asymmetric",
)


def usually(*names: str) -> list[Any]:
    """All schemes; those not named here in `make verify` only."""
    return [
        name if name in names else pytest.param(name, marks=pytest.mark.figures) for name in SCHEMES
    ]


@cache
def small_model() -> PreTrainedModel:
    """transformers' model, its weights still to be loaded."""
    return transformers_model(**SHAPE)


@pytest.mark.parametrize("name", usually(*DIFFERENT))
def test_logits(tmp_path: Path, name: str) -> None:
    values = write_quantized(tmp_path, SCHEMES[name], **SHAPE)
    assert (logits(tmp_path) - expected_logits(small_model(), values)).abs().max() < 1e-4


def identity_products(linear: QuantizedPanelLinear) -> Tensor:
    """The layer's weights, [out, in]: unit vectors are not rounded in 8 bits."""
    return linear(torch.eye(linear.inputs) * 127.0).T / 127.0


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("name", usually("W4A16 g32 asymmetric", "W8A16 int8 g64", "GPTQ g128"))
def test_weights_that_fit_our_panels_are_not_rounded(tmp_path: Path, name: str, bits: int) -> None:
    """Of whichever scheme, also q, k and v together."""
    values = write_quantized(tmp_path, SCHEMES[name], **(SHAPE | {"num_hidden_layers": 1}))
    config, model = checked(tmp_path, **{f"LOAD_IN_{bits}BIT": True})
    with torch.inference_mode():
        weights = load_weights(config, model, lambda done, total: None)
    exact = name in (EXACT_IN_8 if bits == 8 else EXACT_IN_4)
    prefix = "model.layers.0."
    for linear, names in (
        (weights.layers[0].qkv_proj, [f"self_attn.{each}_proj" for each in "qkv"]),
        (weights.layers[0].down_proj, ["mlp.down_proj"]),
    ):
        assert isinstance(linear, QuantizedPanelLinear)
        expected = torch.cat([values[f"{prefix}{each}.weight"] for each in names])
        error = (identity_products(linear) - expected).abs().max() / expected.abs().max()
        assert linear.exact == exact
        assert error < (1e-6 if exact else 0.01 if bits == 8 else 0.15)
    told = describe_storage(config, model, weights)
    assert told.startswith(f"{'GPTQ' if 'GPTQ' in name else 'compressed-tensors'} (INT")
    assert f", {4 if exact else 0} of 5 matrices repacked without rounding" in told


def test_scales_beyond_float16_are_rounded(tmp_path: Path) -> None:
    """A bfloat16 may be smaller than float16's smallest number."""

    def tiny(shape: tuple[int, int], generator: torch.Generator) -> Any:
        stored, values = CompressedTensors()(shape, generator)
        stored["weight_scale"][0, 0] = 1e-12
        values[0, :128] = 0
        return stored, values

    def scheme_of(name: str) -> Quantize | None:
        if "layers" not in name:
            return None
        return tiny if "down_proj" in name else CompressedTensors()

    write_quantized(tmp_path, CompressedTensors(), scheme_of, **SHAPE)
    config, model = checked(tmp_path, LOAD_IN_8BIT=True)
    with torch.inference_mode():
        weights = load_weights(config, model, lambda done, total: None)
    assert ", 6 of 9 matrices repacked without rounding" in describe_storage(config, model, weights)


def mixed(name: str) -> Quantize | None:
    """Plain matrices within a fused one, other bits beside it; also embedding and lm_head."""
    if "v_proj" in name:
        return None
    return CompressedTensors(8, None, form="int-quantized") if "mlp" in name else COMMON


COMMON = CompressedTensors(group=64, scale_dtype=torch.float16)


def test_several_schemes(tmp_path: Path) -> None:
    groups = {
        "attention": COMMON.scheme | {"format": "pack-quantized"},
        "mlp": CompressedTensors(8, None).scheme | {"format": "int-quantized"},
    }
    config = COMMON.config | {"format": "mixed-precision", "config_groups": groups}
    values = write_quantized(tmp_path, COMMON, mixed, **SHAPE, quantization_config=config)
    assert (logits(tmp_path) - expected_logits(small_model(), values)).abs().max() < 1e-4
    assert logits(tmp_path, LOAD_IN_8BIT=True).isfinite().all()


def test_gptq_with_overrides(tmp_path: Path) -> None:
    """GPTQModel's `dynamic`: other bits, other groups, and modules that are not quantized."""

    def scheme_of(name: str) -> Quantize | None:
        if "layers" not in name or "o_proj" in name:
            return None
        return Gptq(8, 32) if "down_proj" in name else Gptq()

    dynamic = {"+:.*down_proj": {"bits": 8, "group_size": 32}, "-:.*o_proj": {}}
    config = Gptq().config | {"dynamic": dynamic}
    values = write_quantized(tmp_path, Gptq(), scheme_of, **SHAPE, quantization_config=config)
    assert (logits(tmp_path) - expected_logits(small_model(), values)).abs().max() < 1e-4


@pytest.mark.parametrize("dtype", ["float16", pytest.param("bfloat16", marks=pytest.mark.figures)])
def test_16_bits_on_request(tmp_path: Path, dtype: str) -> None:
    """The values rounded once; float16 ones stay."""
    values = write_quantized(tmp_path, Gptq(), **SHAPE)
    config, model = checked(tmp_path, DTYPE=dtype)
    name = "model.layers.1.mlp.up_proj.weight"
    rounded = whole(from_quantized(model.tensors, rounded=dtype)(name))
    assert rounded.equal(values[name].to(getattr(torch, dtype)))
    with torch.inference_mode():
        weights = load_weights(config, model, lambda done, total: None)
    assert weights.embedding.dtype == torch.float16
    assert f"rounded to {dtype}" in describe_storage(config, model, weights)
    assert weights.nbytes == model.memory.weights - model.memory.small


def test_rows_in_any_blocks(tmp_path: Path) -> None:
    values = write_quantized(tmp_path, Gptq(symmetric=False), **SHAPE)
    source = from_quantized(checked(tmp_path)[1].tensors, int8=True)
    names = [f"model.layers.0.self_attn.{each}_proj.weight" for each in "qv"]
    both = stack([source(name) for name in names])
    assert isinstance(both, StoredMatrix)
    expected = torch.cat([values[name] for name in names])
    for first, last in ((0, 1), (63, 65), (5, 200), (250, 300), (380, 384)):
        rows = slice(first, last)
        assert both.rows(rows).equal(expected[rows])
        integers, scales = both.int8_rows(rows)
        spread = scales.float().repeat_interleave(32, 1)
        assert (integers * spread).equal(expected[rows])
