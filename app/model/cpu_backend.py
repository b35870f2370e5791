"""Which kernels a model gets on this CPU: compiled ones, or torch's own where those cannot run.

Knows nothing about files. Decided once, before the weights are read, because each keeps them in
a layout of its own.
"""

from __future__ import annotations

import logging

import torch

from app.checkpoint.config import ModelConfig
from app.checkpoint.hardware.cpu_features import kernels, lacking
from app.model.forward import TorchDecoder
from app.model.kv_cache import SlotCache
from app.model.loading.quantization import FullPrecisionPacker, Int8Packer, WeightPacker
from app.model.runner import Cache, Decoder
from app.model.weights import Weights

log = logging.getLogger(__name__)


def cpu_packer(config: ModelConfig, eight_bit: bool) -> WeightPacker:
    """How to store the weights."""
    reason = _obstacle(config, eight_bit)
    if reason is None:
        from app.model.cpu_kernels.packed_weights import Int8PanelPacker, PanelPacker

        return Int8PanelPacker() if eight_bit else PanelPacker()
    log.warning("compiled kernels are not used (%s): slower, same answers", reason)
    return Int8Packer() if eight_bit else FullPrecisionPacker(torch.float32)


def decoder_for(weights: Weights, slots: int, positions: int) -> tuple[Decoder, Cache]:
    """What runs the layers, and its cache: whatever their weights were packed for."""
    if hasattr(weights.lm_head, "panels"):
        from app.model.cpu_kernels.decoder import CompiledDecoder
        from app.model.cpu_kernels.kv_cache import PanelCache

        # Of weights rounded to 8 bits, float16 keys and values change nothing that can be seen.
        rounded = getattr(weights.lm_head, "eight_bit", False)
        dtype = torch.float16 if rounded else torch.float32
        panels = PanelCache(weights.config, slots, positions, dtype)
        return CompiledDecoder(weights, panels), panels
    devices = tuple(layer.device for layer in weights.layers)
    cache = SlotCache(weights.config, slots, positions, weights.dtype, devices)
    return TorchDecoder(weights, cache), cache


def describe_kernels(decoder: Decoder, eight_bit: bool) -> str:
    """In words, what computes on this CPU."""
    if not isinstance(decoder, TorchDecoder):
        return kernels(eight_bit)
    return kernels(eight_bit) if lacking(eight_bit) else "torch (compiled kernels cannot be used)"


def _obstacle(config: ModelConfig, eight_bit: bool) -> str | None:
    """Why compiled kernels cannot serve this model here; None when they can. Nothing is compiled
    before the CPU's features are known to be enough, and first in a process of its own."""
    if missing := lacking(eight_bit):
        return f"this CPU has no {missing}"
    widths = (config.hidden_size, config.heads * config.head_dim)
    if eight_bit and any(width % 4 for width in widths):
        return "a layer's width is not a multiple of 4"
    try:
        from app.model.kernel_trial import kernel_fault

        if fault := kernel_fault(eight_bit):
            return fault
        from app.model.cpu_kernels.self_test import gemm_matches_torch
    except ImportError as error:
        return f"{error.name} cannot be imported"
    return None if gemm_matches_torch(eight_bit) else "their results were wrong on this machine"
