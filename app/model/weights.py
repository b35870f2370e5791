"""A model's weights as the forward pass wants them: frozen, fused, on their devices.

Knows nothing about files or transformers; `build_weights.py` fills these records.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from app.checkpoint.config import ModelConfig
from app.model.linear import Linear


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One decoder layer. Norms hold their product's power of two folded in (see linear.py)."""

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
    window: int | None  #: how many tokens back attention sees, itself included; None: all
    device: torch.device


@dataclass(frozen=True, slots=True)
class Weights:
    """A whole model. The mlp width is intermediate_size rounded up, the rest zeros."""

    config: ModelConfig
    embedding: Tensor  #: [vocab, hidden] in the checkpoint's dtype
    layers: tuple[LayerWeights, ...]
    norm: Tensor  #: [hidden]: embeddings are made from its output
    lm_head_norm: Tensor  #: [hidden], the same with the head's power of two folded in
    lm_head: Linear  #: hidden -> vocab
    dtype: torch.dtype  #: of activations and of the cache
    device: torch.device  #: of the embedding; the final norm and the head may be elsewhere

    @property
    def nbytes(self) -> int:
        """Bytes of all large tensors."""
        linears = [self.lm_head]
        for layer in self.layers:
            linears += [layer.qkv_proj, layer.o_proj, layer.gate_up_proj, layer.down_proj]
        return sum(linear.nbytes for linear in linears) + self.embedding.nbytes
