"""Which kernels a model gets on this CPU: compiled ones, or torch's own where those cannot run.

Knows nothing about files. Decided once, before the weights are read, because each keeps them in
a layout of its own.
"""

from __future__ import annotations

import logging

import torch

from app.checkpoint.config import ModelConfig
from app.model.forward import TorchDecoder
from app.model.kv_cache import SlotCache
from app.model.packing import EightBit, FullPrecision, Packing
from app.model.runner import Cache, Decoder
from app.model.weights import Weights

log = logging.getLogger(__name__)


def cpu_packing(config: ModelConfig, eight_bit: bool) -> Packing:
    """How to store the weights."""
    reason = _obstacle(config, eight_bit)
    if reason is None:
        from app.model.native.linear import PanelBytes, PanelFloats

        return PanelBytes() if eight_bit else PanelFloats()
    log.warning("compiled kernels are not used (%s): slower, same answers", reason)
    return EightBit() if eight_bit else FullPrecision(torch.float32)


def decoder_for(weights: Weights, slots: int, positions: int) -> tuple[Decoder, Cache]:
    """What runs the layers, and its cache: whatever their weights were packed for."""
    if hasattr(weights.head, "panels"):
        from app.model.native.cache import PanelCache
        from app.model.native.decoder import NativeDecoder
        from app.model.native.linear import BytePanels

        # Of weights rounded to 8 bits, float16 keys and values change nothing that can be seen.
        rounded = isinstance(weights.head, BytePanels)
        dtype = torch.float16 if rounded else torch.float32
        panels = PanelCache(weights.config, slots, positions, dtype)
        return NativeDecoder(weights, panels), panels
    devices = tuple(layer.device for layer in weights.layers)
    cache = SlotCache(weights.config, slots, positions, weights.dtype, devices)
    return TorchDecoder(weights, cache), cache


def _obstacle(config: ModelConfig, eight_bit: bool) -> str | None:
    """Why compiled kernels cannot serve this model here; None when they can."""
    try:
        from llvmlite.binding import get_host_cpu_features

        from app.model.native.trial import products_are_right
    except ImportError as error:
        return f"{error.name} cannot be imported"
    needed = {"avx512f", "avx512vnni"} if eight_bit else {"avx2", "fma", "f16c"}
    features = get_host_cpu_features()
    missing = sorted(name for name in needed if not features.get(name))
    if missing:
        return f"this CPU has no {missing[0]}"
    widths = (config.hidden_size, config.heads * config.head_dim)
    if eight_bit and any(width % 4 for width in widths):
        return "a layer's width is not a multiple of 4"
    return None if products_are_right(eight_bit) else "their results were wrong on this machine"
