"""Writes SmolLM2 with its channels in another order, which computes the same function.

The checkpoint that `make smollm2` makes holds values that four bits can hold (GGUF's Q4_1: blocks
of 32 inputs with 16 levels each). A quantizer that finds those levels again loses nothing, which
says little of a model whose weights are arbitrary. In another order each block holds weights of
many of those blocks, so the levels of none fit it; no weight is changed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks.jittered_model import COPIED


def write_permuted(source: Path, target: Path, seed: int = 0) -> Path:
    """Write `target` unless it is there; returns it."""
    if (target / "model.safetensors").exists():
        return target
    target.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        shutil.copyfile(source / name, target / name)
    config = json.loads((source / "config.json").read_text())
    tensors = permuted(load_file(source / "model.safetensors"), config, seed)
    unfinished = target / "model.part"
    save_file(tensors, unfinished, {"format": "pt"})
    unfinished.rename(target / "model.safetensors")
    return target


def permuted(
    tensors: Mapping[str, Tensor], config: Mapping[str, int], seed: int
) -> dict[str, Tensor]:
    """A LLaMA's tensors with its hidden channels permuted everywhere alike, and those inside each
    MLP and inside each head's values, layer by layer. Queries and keys keep the order of their
    channels, which rotate in pairs."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randperm(config["hidden_size"], generator=generator)
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    size = config["hidden_size"] // heads
    orders: dict[str, Mapping[str, Callable[[Tensor], Tensor]]] = {}
    for layer in range(config["num_hidden_layers"]):
        inner = torch.randperm(config["intermediate_size"], generator=generator)
        values = torch.stack([torch.randperm(size, generator=generator) for _ in range(kv_heads)])
        per_head = values.repeat_interleave(heads // kv_heads, 0)
        orders[f"model.layers.{layer}."] = _layer_orders(
            hidden, inner, _flat(values), _flat(per_head)
        )
    whole = {"model.embed_tokens.": _columns(hidden), "model.norm.": lambda norm: norm[hidden],
             "lm_head.": _columns(hidden)}  # fmt: skip
    found = {}
    for name, tensor in sorted(tensors.items()):
        prefix, _, rest = name.rpartition(".weight")[0].partition("layers.")
        number, _, module = rest.partition(".")
        order = orders[f"{prefix}layers.{number}."][module] if rest else whole[f"{prefix}."]
        found[name] = order(tensor).contiguous()
    return found


def _layer_orders(
    hidden: Tensor, inner: Tensor, values: Tensor, attended: Tensor
) -> dict[str, Callable[[Tensor], Tensor]]:
    """By module; values, attended: orders of v_proj's outputs and of o_proj's inputs."""
    read = _columns(hidden)
    return {
        "input_layernorm": lambda norm: norm[hidden],
        "post_attention_layernorm": lambda norm: norm[hidden],
        "self_attn.q_proj": read,
        "self_attn.k_proj": read,
        "self_attn.v_proj": lambda weight: weight[values][:, hidden],
        "self_attn.o_proj": lambda weight: weight[hidden][:, attended],
        "mlp.gate_proj": lambda weight: weight[inner][:, hidden],
        "mlp.up_proj": lambda weight: weight[inner][:, hidden],
        "mlp.down_proj": lambda weight: weight[hidden][:, inner],
    }


def _columns(order: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda weight: weight[:, order]


def _flat(orders: Tensor) -> Tensor:
    """Orders inside heads, [heads, size], as one order of all their channels."""
    heads, size = orders.shape
    return (orders + size * torch.arange(heads)[:, None]).flatten()
