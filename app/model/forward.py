"""The decoder itself: tokens in, final hidden states out, over frozen weights and the cache.

Knows nothing about requests, sampling or where weights come from. llama, mistral, qwen2 and
qwen3 differ only in which optional tensors a layer has (arXiv 2302.13971, 2310.06825,
2407.10671, 2505.09388).
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
from app.model.rope import build_table
from app.model.stages import Observer, StageName, no_observer
from app.model.weights import LayerWeights, Weights


@dataclass(frozen=True, slots=True)
class Place:
    """What every layer on one device needs of a step."""

    slots: Tensor  #: int64 [rows]
    positions: Tensor  #: int64 [rows]
    cos: Tensor  #: [rows, 1, head_dim]
    sin: Tensor
    spans: list[AttentionCall]


class TorchDecoder:
    """Runs on as many devices as the weights are spread over."""

    row_invariant = False  #: torch's attention sums a chunk's rows in another order than one row

    def __init__(self, weights: Weights, cache: SlotCache) -> None:
        self._weights, self._cache = weights, cache
        config = weights.config
        self._windows = [layer.window for layer in weights.layers]
        self._layer_bytes = cache.bytes_per_token // config.layers
        self._ropes = {
            device: build_table(
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
        spans = plan_attention_calls(batch, self._windows, self._layer_bytes, weights.dtype, first)
        places = {}
        for device, rope in self._ropes.items():
            here, there = positions.to(device), spans
            if device != first:
                there = calls_on_device(spans, device)
            cos, sin = rope.cos[here][:, None], rope.sin[here][:, None]
            places[device] = Place(slots.to(device), here, cos, sin, there)
        return forward(weights, self._cache.layers, places, tokens, observe)


def forward(
    weights: Weights,
    cache: list[Tensor],
    places: Mapping[torch.device, Place],
    tokens: Tensor,
    observe: Observer = no_observer,
) -> Tensor:
    """Run a step and fill the cache.

    tokens: int64 [rows], on the embedding's device; cache: per layer, see SlotCache; places:
    for each device that holds a layer. Returns hidden states before the final norm,
    [rows, hidden], where the last layer left them.
    """
    hidden = weights.embedding[tokens].to(weights.dtype)
    for number, layer in enumerate(weights.layers):
        show = partial(observe, number)
        place, layer_cache = places[layer.device], cache[number]
        hidden = hidden.to(layer.device)
        normed = _norm(hidden, layer.attention_norm, weights)
        show(StageName.ATTENTION_NORM, normed)
        query = _project(weights, layer, normed, layer_cache, place, show)
        grouped = weights.config.heads != weights.config.kv_heads
        attended = attend(query, layer_cache, place.spans, layer.window, grouped)
        show(StageName.ATTENTION, attended)
        output = layer.o_proj(attended)
        show(StageName.O_PROJ, output)
        hidden = torch.add(hidden, output, alpha=layer.o_proj.scale)
        if layer.o_proj_bias is not None:
            hidden += layer.o_proj_bias
        hidden = _mlp(weights, layer, hidden, show)
    observe(len(weights.layers) - 1, StageName.RESIDUAL, hidden)
    return hidden


def _project(
    weights: Weights,
    layer: LayerWeights,
    normed: Tensor,
    cache: Tensor,
    place: Place,
    show: Callable[[StageName, Tensor], None],
) -> Tensor:
    """Queries [rows, heads, head_dim]; keys and values go to the cache."""
    config = weights.config
    rotated = config.heads + config.kv_heads
    projected = layer.qkv_proj(normed)
    if layer.qkv_proj_bias is not None:
        projected += layer.qkv_proj_bias
    show(StageName.QKV, projected)
    heads = projected.view(-1, rotated + config.kv_heads, config.head_dim)
    if layer.q_norm is not None and layer.k_norm is not None:
        heads[:, : config.heads] = _head_norm(heads[:, : config.heads], layer.q_norm, weights)
        keys = heads[:, config.heads : rotated]
        heads[:, config.heads : rotated] = _head_norm(keys, layer.k_norm, weights)
    turning = heads[:, :rotated]
    turned = torch.roll(turning, config.head_dim // 2, -1).mul_(place.sin)
    turning.mul_(place.cos).add_(turned)
    show(StageName.ROPE, heads)
    written = heads[:, config.heads :].view(-1, 2, config.kv_heads, config.head_dim)
    cache[place.slots, :, :, place.positions] = written
    return heads[:, : config.heads]


def _mlp(
    weights: Weights, layer: LayerWeights, hidden: Tensor, show: Callable[[StageName, Tensor], None]
) -> Tensor:
    normed = _norm(hidden, layer.mlp_norm, weights)
    show(StageName.MLP_NORM, normed)
    both = layer.gate_up_proj(normed)
    if layer.gate_up_proj_bias is not None:
        both += layer.gate_up_proj_bias
    show(StageName.GATE_UP, both)
    gate, up = both.chunk(2, -1)
    gated = silu(gate).mul_(up)
    show(StageName.SWIGLU, gated)
    output = layer.down_proj(gated)
    show(StageName.DOWN, output)
    hidden = torch.add(hidden, output, alpha=layer.down_proj.scale)
    if layer.down_proj_bias is not None:
        hidden += layer.down_proj_bias
    return hidden


def _norm(hidden: Tensor, weight: Tensor, weights: Weights) -> Tensor:
    return rms_norm(hidden, hidden.shape[-1:], weight, weights.config.norm_eps)


def _head_norm(heads: Tensor, weight: Tensor, weights: Weights) -> Tensor:
    return rms_norm(heads, heads.shape[-1:], weight, weights.config.norm_eps)
