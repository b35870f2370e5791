"""Reads the attention settings of a config.json: heads, KV heads, head_dim, sliding windows."""

from __future__ import annotations

from typing import Any

from app.checkpoint.errors import StartupError
from app.checkpoint.json_file import Fields

#: Default of num_key_value_heads if the key is missing; null means num_attention_heads.
_KV_HEADS = {"llama": None, "mistral": 8, "qwen2": 32, "qwen3": 32}


def read_heads(config: Fields, kind: str, hidden: int, heads: int) -> tuple[int, int, int]:
    """Query heads, KV heads and head_dim of a model of `kind` with `hidden` elements and `heads`
    query heads.

    Raises:
        StartupError: one is not a multiple of the other, or head_dim is odd.
    """
    default_kv = None if "num_key_value_heads" in config.values else _KV_HEADS[kind]
    kv_heads = config.integer("num_key_value_heads", default_kv or heads)
    if heads % kv_heads:
        raise StartupError(
            f"{config.source}: num_attention_heads {heads} is not a multiple of "
            f"num_key_value_heads {kv_heads}"
        )
    given = config.values.get("head_dim") is not None
    if hidden % heads and (kind == "llama" or not (given or kind == "qwen3")):
        raise StartupError(
            f"{config.source}: hidden_size {hidden} is not a multiple of "
            f"num_attention_heads {heads}"
        )
    head_dim = config.integer("head_dim", 128 if kind == "qwen3" else max(hidden // heads, 1))
    if head_dim % 2:
        raise StartupError(f"{config.source}: head_dim {head_dim} is odd, rotary needs it even")
    return heads, kv_heads, head_dim


def read_windows(config: Fields, kind: str, layers: int) -> tuple[int | None, ...]:
    """Each layer's sliding window in tokens, the token itself included; None: unlimited.

    Raises:
        StartupError: a layer type that is not supported, or a window without its size.
    """
    if kind == "llama":
        return (None,) * layers
    default = None if "sliding_window" in config.values else 4096
    window = config.integer("sliding_window", default or 0) or None
    if kind != "mistral" and not config.boolean("use_sliding_window", False):
        window = None
    types = config.values.get("layer_types")
    if types is None and kind == "mistral":
        return (window,) * layers
    if types is None:
        first = config.integer("max_window_layers", 28, minimum=0)
        return tuple(window if layer >= first else None for layer in range(layers))
    return tuple(_layer_window(config, name, window) for name in _layer_types(config, layers))


def _layer_types(config: Fields, layers: int) -> list[Any]:
    types = config.values["layer_types"]
    if not isinstance(types, list) or len(types) != layers:
        raise config.invalid("layer_types", f"a list of {layers} names, one for each layer")
    return types


def _layer_window(config: Fields, name: object, window: int | None) -> int | None:
    if name in ("full_attention", "attention"):  # the second is transformers' older name
        return None
    if name != "sliding_attention":
        raise StartupError(f"{config.source}: layer type {name!r} is not supported")
    if window is None:
        raise StartupError(
            f"{config.source}: layer_types has 'sliding_attention', but sliding_window is off"
        )
    return window
