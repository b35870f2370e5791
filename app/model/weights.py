"""A model's weights for inference: fused, packed and on their devices.

`loading/build_weights.py` builds these records.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from app.checkpoint.config import ModelConfig
from app.model.linear import Linear


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One decoder layer. Norms include the scale of the linear layer after them, see linear.py."""

    attention_norm: Tensor  #: [hidden]
    qkv_proj: Linear  #: hidden -> (heads + 2 kv_heads) * head_dim
    qkv_proj_bias: Tensor | None
    q_norm: Tensor | None  #: [head_dim], qwen3
    k_norm: Tensor | None
    o_proj: Linear  #: heads * head_dim -> hidden
    o_proj_bias: Tensor | None
    mlp_norm: Tensor  #: [hidden]
    gate_up_proj: Linear  #: hidden -> 2 * mlp width
    gate_up_proj_bias: Tensor | None
    down_proj: Linear  #: mlp width -> hidden
    down_proj_bias: Tensor | None
    window: int | None  #: sliding window in tokens, the token itself included; None: unlimited
    device: torch.device


@dataclass(frozen=True, slots=True)
class Weights:
    """A whole model. The MLP width is intermediate_size rounded up, padded with zeros."""

    config: ModelConfig
    embedding: Tensor  #: [vocab, hidden] in the checkpoint's dtype
    layers: tuple[LayerWeights, ...]
    norm: Tensor  #: [hidden], the final norm; /v1/embeddings pools its output
    lm_head_norm: Tensor  #: [hidden], the final norm with lm_head's scale folded in
    lm_head: Linear  #: hidden -> vocab
    dtype: torch.dtype  #: of activations and of the KV cache
    device: torch.device  #: of the embedding; final norm and lm_head may be on another
    mapped: bool = False  #: all of it is a file's pages, which processes share (--cache_dir)

    @property
    def linears(self) -> list[Linear]:
        """All linear layers, lm_head first."""
        linears = [self.lm_head]
        for layer in self.layers:
            linears += [layer.qkv_proj, layer.o_proj, layer.gate_up_proj, layer.down_proj]
        return linears

    @property
    def nbytes(self) -> int:
        """Bytes of all matrices."""
        return sum(linear.nbytes for linear in self.linears) + self.embedding.nbytes
