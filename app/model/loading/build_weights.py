"""Builds `Weights` from named tensors: fuses, pads and packs them, one layer at a time.

The source is a function from a checkpoint's tensor name to the tensor, so safetensors files and
transformers' modules give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from app.checkpoint.config import ModelConfig
from app.model.loading.quantization import WeightPacker
from app.model.weights import LayerWeights, Weights

#: The tensor with a checkpoint name such as "model.norm.weight".
Source = Callable[[str], Tensor]
#: Called with the number of layers built and the total.
Report = Callable[[int, int], None]

#: torch's vectorized elementwise kernels compute the tail of a tensor by scalar code, whose bits
#: differ. With rows of this multiple there is no tail in any batch.
ROW_MULTIPLE = 64


def build_weights(
    config: ModelConfig, source: Source, packer: WeightPacker, dtype: torch.dtype, report: Report
) -> Weights:
    """Build every layer on the device of its tensors.

    dtype: of activations; float32 on a CPU.
    """
    layers = []
    for index in range(config.layers):
        layers.append(_layer(config, source, packer, index, dtype))
        report(index + 1, config.layers)
    embedding = source("model.embed_tokens.weight")
    norm = source("model.norm.weight")
    head = embedding if config.tied_head else source("lm_head.weight")
    lm_head_norm, packed_head = packer.pack_after_norm(norm, head)
    return Weights(
        config=config,
        embedding=embedding,
        layers=tuple(layers),
        norm=norm.to(dtype),
        lm_head_norm=lm_head_norm,
        lm_head=packed_head,
        dtype=dtype,
        device=embedding.device,
    )


def _layer(
    config: ModelConfig, source: Source, packer: WeightPacker, index: int, dtype: torch.dtype
) -> LayerWeights:
    prefix = f"model.layers.{index}."
    attention, mlp = prefix + "self_attn.", prefix + "mlp."

    def vector(name: str, present: bool = True) -> Tensor | None:
        return source(name).to(dtype) if present else None

    def fused(part: str, *names: str) -> Tensor:
        return torch.cat([source(f"{part}{name}.weight") for name in names])

    attention_norm, qkv = packer.pack_after_norm(
        source(prefix + "input_layernorm.weight"), fused(attention, "q_proj", "k_proj", "v_proj")
    )
    mlp_norm, gate_up = packer.pack_after_norm(
        source(prefix + "post_attention_layernorm.weight"),
        _pad_rows(fused(mlp, "gate_proj", "up_proj"), 2),
    )
    gate_bias = _joined([vector(f"{mlp}{n}_proj.bias", config.mlp_bias) for n in ("gate", "up")])
    return LayerWeights(
        attention_norm=attention_norm,
        qkv_proj=qkv,
        qkv_proj_bias=_joined(
            [vector(f"{attention}{n}_proj.bias", config.qkv_bias) for n in "qkv"]
        ),
        q_norm=vector(attention + "q_norm.weight", config.qk_norm),
        k_norm=vector(attention + "k_norm.weight", config.qk_norm),
        o_proj=packer.pack(source(attention + "o_proj.weight")),
        o_proj_bias=vector(attention + "o_proj.bias", config.o_bias),
        mlp_norm=mlp_norm,
        gate_up_proj=gate_up,
        gate_up_proj_bias=None if gate_bias is None else _pad_rows(gate_bias, 2),
        down_proj=packer.pack(_pad_columns(source(mlp + "down_proj.weight"))),
        down_proj_bias=vector(mlp + "down_proj.bias", config.mlp_bias),
        window=config.windows[index],
        device=attention_norm.device,
    )


def _joined(parts: list[Tensor | None]) -> Tensor | None:
    """The present parts concatenated; None if there are none."""
    present = [part for part in parts if part is not None]
    return torch.cat(present) if present else None


def _pad_rows(weight: Tensor, parts: int) -> Tensor:
    """Pad each of the `parts` equal parts of the first dimension with zero rows."""
    rows = weight.shape[0] // parts
    missing = -rows % ROW_MULTIPLE
    if not missing:
        return weight
    zeros = weight.new_zeros((missing, *weight.shape[1:]))
    pairs = [(weight[first : first + rows], zeros) for first in range(0, rows * parts, rows)]
    return torch.cat([tensor for pair in pairs for tensor in pair])


def _pad_columns(weight: Tensor) -> Tensor:
    """Pad the second dimension with zeros to ROW_MULTIPLE."""
    missing = -weight.shape[1] % ROW_MULTIPLE
    return torch.nn.functional.pad(weight, (0, missing)) if missing else weight
