"""Builds `Weights` from named tensors: fuses, pads and packs them, one layer at a time.

The source is a function from a checkpoint's tensor name to the tensor, so safetensors files and
transformers' modules give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

from app.checkpoint.config import ModelConfig
from app.model.loading.quantization import WeightPacker
from app.model.stored_matrix import Matrix, pad_rows, stack, whole
from app.model.weights import LayerWeights, Weights

#: The tensor with a checkpoint name such as "model.norm.weight"; a matrix may still be in its file.
Source = Callable[[str], Matrix]

#: torch's vectorized elementwise kernels compute the tail of a tensor by scalar code, whose bits
#: differ. With rows of this multiple there is no tail in any batch.
ROW_MULTIPLE = 64


def build_weights(
    config: ModelConfig, source: Source, packer: WeightPacker, dtype: torch.dtype
) -> Weights:
    """Build every layer on the device of its tensors.

    dtype: of activations; float32 on a CPU.
    """
    layers = [_layer(config, source, packer, index, dtype) for index in range(config.layers)]
    stored, norm = source("model.embed_tokens.weight"), whole(source("model.norm.weight"))
    embedding = whole(stored)
    tied = stored if packer.reads_rows else embedding
    head = tied if config.tied_head else source("lm_head.weight")
    lm_head_norm, packed_head = packer.pack_head(norm, head)
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
        return whole(source(name)).to(dtype) if present else None

    def fused(part: str, *names: str, multiple: int = 1) -> Matrix:
        matrices = [_pad_rows(source(f"{part}{name}.weight"), multiple) for name in names]
        return stack(matrices, copy=not packer.reads_rows)

    attention_norm, qkv = packer.pack_after_norm(
        whole(source(prefix + "input_layernorm.weight")),
        fused(attention, "q_proj", "k_proj", "v_proj"),
    )
    mlp_norm, gate_up = packer.pack_after_norm(
        whole(source(prefix + "post_attention_layernorm.weight")),
        fused(mlp, "gate_proj", "up_proj", multiple=ROW_MULTIPLE),
    )
    gate_bias = [vector(f"{mlp}{n}_proj.bias", config.mlp_bias) for n in ("gate", "up")]
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
        gate_up_proj_bias=_joined([None if b is None else _pad_vector(b) for b in gate_bias]),
        down_proj=packer.pack(_pad_columns(source(mlp + "down_proj.weight"))),
        down_proj_bias=vector(mlp + "down_proj.bias", config.mlp_bias),
        window=config.windows[index],
        device=attention_norm.device,
    )


def _joined(parts: list[Tensor | None]) -> Tensor | None:
    """The present parts concatenated; None if there are none."""
    present = [part for part in parts if part is not None]
    return torch.cat(present) if present else None


def _pad_rows(weight: Matrix, multiple: int) -> Matrix:
    """Pad a matrix with zero rows to a multiple of so many."""
    missing = -weight.shape[0] % multiple
    return pad_rows(weight, missing) if missing else weight


def _pad_vector(bias: Tensor) -> Tensor:
    return pad(bias, (0, -bias.shape[0] % ROW_MULTIPLE))


def _pad_columns(weight: Matrix) -> Matrix:
    """Pad the second dimension with zeros to ROW_MULTIPLE."""
    missing = -weight.shape[1] % ROW_MULTIPLE
    return pad(whole(weight), (0, missing)) if missing else weight
