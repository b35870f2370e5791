"""`config.json` as one frozen record: the shape of a llama, mistral, qwen2 or qwen3 model.

Knows nothing about weights; refuses what the forward pass cannot do exactly.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.checkpoint.errors import StartupError

ARCHITECTURES = {
    "LlamaForCausalLM": "llama",
    "LLaMAForCausalLM": "llama",  # the spelling of early 2023 checkpoints
    "MistralForCausalLM": "mistral",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
}
ROPE_TYPES = ("default", "linear", "yarn", "llama3")


@dataclass(frozen=True, slots=True)
class RopeConfig:
    """Rotary position embedding: its base and, by type, its scaling factors."""

    theta: float
    kind: str  #: one of ROPE_TYPES
    options: dict[str, Any]  #: the other keys of config.json's rope parameters


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The numbers the forward pass is built from. Sizes count elements, not bytes."""

    architecture: str  #: "llama", "mistral", "qwen2" or "qwen3"
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    norm_eps: float
    rope: RopeConfig
    max_positions: int
    tied_head: bool  #: lm_head is the embedding
    qkv_bias: bool
    o_bias: bool
    mlp_bias: bool
    qk_norm: bool  #: qwen3: RMSNorm over each head of q and k
    windows: tuple[int | None, ...]  #: per layer: how many tokens back attention sees; None: all
    dtype: str  #: the checkpoint's own, as config.json names it: "float16", ...
    bos_id: int | None
    eos_ids: tuple[int, ...]
