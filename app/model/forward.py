"""The forward pass in torch: token ids in, final hidden states out.

llama, mistral, qwen2 and qwen3 differ only in which optional tensors a layer has (arXiv
2302.13971, 2310.06825, 2407.10671, 2505.09388).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import rms_norm, silu

from app.engine.batch import Batch
from app.model.attention import AttentionCall, attend, calls_on_device, plan_attention_calls
from app.model.kv_cache import SlotCache
from app.model.rope import build_rope_table
from app.model.stages import Observer, StageName, no_observer
from app.model.weights import LayerWeights, Weights


@dataclass(frozen=True, slots=True)
class AttentionMetadata:
    """What the layers on one device need to know about a step, as tensors on that device."""

    slots: Tensor  #: int64 [rows]
    positions: Tensor  #: int64 [rows]
    cos: Tensor  #: [rows, 1, head_dim]
    sin: Tensor
    calls: list[AttentionCall]


class TorchDecoder:
    """The forward pass of one model, on all devices over which its weights are distributed."""

    row_invariant = False  #: SDPA sums a chunk's rows in another order than a single row

    def __init__(self, weights: Weights, cache: SlotCache) -> None:
        self._weights, self._cache = weights, cache
        config = weights.config
        self._windows = [layer.window for layer in weights.layers]
        self._layer_bytes = cache.bytes_per_token // config.layers
        self._rope_tables = {
            device: build_rope_table(
                config.rope, config.head_dim, cache.positions, weights.dtype, device
            )
            for device in dict.fromkeys(layer.device for layer in weights.layers)
        }

    def run(
        self,
        batch: Batch,
        tokens: Tensor,
        slots: Tensor,
        positions: Tensor,
        observe: Observer = no_observer,
    ) -> Tensor:
        """See `runner.Decoder`; tokens, slots and positions are on the embedding's device."""
        weights, first = self._weights, self._weights.device
        calls = plan_attention_calls(batch, self._windows, self._layer_bytes, weights.dtype, first)
        metadata = {}
        for device, rope in self._rope_tables.items():
            positions_here = positions.to(device)
            calls_here = calls if device == first else calls_on_device(calls, device)
            cos, sin = rope.cos[positions_here][:, None], rope.sin[positions_here][:, None]
            metadata[device] = AttentionMetadata(
                slots.to(device), positions_here, cos, sin, calls_here
            )
        return forward(weights, self._cache.layers, metadata, tokens, observe)

    def logits(self, hidden: Tensor) -> Tensor:
        """See `runner.Decoder`."""
        weights = self._weights
        return weights.lm_head(_norm(hidden, weights.lm_head_norm, weights)).float()


def forward(
    weights: Weights,
    cache: list[Tensor],
    metadata: Mapping[torch.device, AttentionMetadata],
    tokens: Tensor,
    observe: Observer = no_observer,
) -> Tensor:
    """Run a step and fill the cache.

    tokens: int64 [rows], on the embedding's device; cache: per layer, see SlotCache; metadata:
    for each device that has a layer. Returns hidden states before the final norm,
    [rows, hidden], on the last layer's device.
    """
    hidden = weights.embedding[tokens].to(weights.dtype)
    for index, layer in enumerate(weights.layers):
        observe_stage = partial(observe, index)
        step, layer_cache = metadata[layer.device], cache[index]
        hidden = hidden.to(layer.device)
        normed = _norm(hidden, layer.attention_norm, weights)
        observe_stage(StageName.ATTENTION_NORM, normed)
        query = _project(weights, layer, normed, layer_cache, step, observe_stage)
        grouped = weights.config.heads != weights.config.kv_heads
        attended = attend(query, layer_cache, step.calls, layer.window, grouped)
        observe_stage(StageName.ATTENTION, attended)
        output = layer.o_proj(attended)
        observe_stage(StageName.O_PROJ, output)
        hidden = torch.add(hidden, output, alpha=layer.o_proj.scale)
        if layer.o_proj_bias is not None:
            hidden += layer.o_proj_bias
        hidden = _mlp(weights, layer, hidden, observe_stage)
    observe(len(weights.layers) - 1, StageName.RESIDUAL, hidden)
    return hidden


def _project(
    weights: Weights,
    layer: LayerWeights,
    normed: Tensor,
    cache: Tensor,
    step: AttentionMetadata,
    observe_stage: Callable[[StageName, Tensor], None],
) -> Tensor:
    """QKV projection and RoPE. Returns queries [rows, heads, head_dim]; writes keys and values
    to the cache."""
    config = weights.config
    rope_heads = config.heads + config.kv_heads  # queries and keys
    projected = layer.qkv_proj(normed)
    if layer.qkv_proj_bias is not None:
        projected += layer.qkv_proj_bias
    observe_stage(StageName.QKV, projected)
    heads = projected.view(-1, rope_heads + config.kv_heads, config.head_dim)
    if layer.q_norm is not None and layer.k_norm is not None:
        heads[:, : config.heads] = _head_norm(heads[:, : config.heads], layer.q_norm, weights)
        keys = heads[:, config.heads : rope_heads]
        heads[:, config.heads : rope_heads] = _head_norm(keys, layer.k_norm, weights)
    queries_and_keys = heads[:, :rope_heads]
    rolled = torch.roll(queries_and_keys, config.head_dim // 2, -1).mul_(step.sin)
    queries_and_keys.mul_(step.cos).add_(rolled)
    observe_stage(StageName.ROPE, heads)
    keys_and_values = heads[:, config.heads :].view(-1, 2, config.kv_heads, config.head_dim)
    cache[step.slots, :, :, step.positions] = keys_and_values
    return heads[:, : config.heads]


def _mlp(
    weights: Weights,
    layer: LayerWeights,
    hidden: Tensor,
    observe_stage: Callable[[StageName, Tensor], None],
) -> Tensor:
    normed = _norm(hidden, layer.mlp_norm, weights)
    observe_stage(StageName.MLP_NORM, normed)
    gate_up = layer.gate_up_proj(normed)
    if layer.gate_up_proj_bias is not None:
        gate_up += layer.gate_up_proj_bias
    observe_stage(StageName.GATE_UP, gate_up)
    gate, up = gate_up.chunk(2, -1)
    gated = silu(gate).mul_(up)
    observe_stage(StageName.SWIGLU, gated)
    output = layer.down_proj(gated)
    observe_stage(StageName.DOWN, output)
    hidden = torch.add(hidden, output, alpha=layer.down_proj.scale)
    if layer.down_proj_bias is not None:
        hidden += layer.down_proj_bias
    return hidden


def _norm(hidden: Tensor, weight: Tensor, weights: Weights) -> Tensor:
    return rms_norm(hidden, hidden.shape[-1:], weight, weights.config.norm_eps)


def _head_norm(heads: Tensor, weight: Tensor, weights: Weights) -> Tensor:
    return rms_norm(heads, heads.shape[-1:], weight, weights.config.norm_eps)
