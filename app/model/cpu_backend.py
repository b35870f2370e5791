"""Selects the CPU backend: compiled kernels, or torch's operations where those cannot run.

It is selected once, before the weights are read, because each backend packs them differently.
"""

from __future__ import annotations

import logging

import torch

from app.checkpoint.errors import StartupError
from app.checkpoint.hardware.cpu_features import kernels, missing_feature
from app.model.forward import TorchDecoder
from app.model.kv_cache import SlotCache
from app.model.loading.quantization import FullPrecisionPacker, Int8Packer, WeightPacker
from app.model.runner import Cache, Decoder
from app.model.weights import Weights

log = logging.getLogger(__name__)


def cpu_packer(weight_bits: int | None, kv_cache_dtype: str = "auto") -> WeightPacker:
    """How the selected backend packs the weights. Logs a warning if it is torch's.

    weight_bits: 8, 4, or None for full precision; kv_cache_dtype: of --kv_cache_dtype.

    Raises:
        StartupError: the backend is torch's, which keeps keys and values in float32 only, and has
            no 4 bits.
    """
    reason = _reason_for_torch(weight_bits)
    if reason is None:
        from app.model.cpu_kernels.packers import panel_packer

        return panel_packer(weight_bits)
    if weight_bits == 4:
        raise StartupError(
            f"--load_in_4bit needs the compiled kernels, which cannot be used ({reason}); pass "
            "--load_in_8bit"
        )
    if kv_cache_dtype == "float16":
        raise StartupError(
            "--kv_cache_dtype float16 needs the compiled kernels, which cannot be used "
            f"({reason}); pass auto or float32"
        )
    answers = "other answers" if weight_bits else "same answers"
    log.warning("compiled kernels are not used (%s): slower, %s", reason, answers)
    return Int8Packer() if weight_bits else FullPrecisionPacker(torch.float32)


def decoder_for(
    weights: Weights, slots: int, positions: int, kv_cache_dtype: str = "float32"
) -> tuple[Decoder, Cache]:
    """The decoder for which the weights were packed, and its KV cache. kv_cache_dtype: float32 or
    float16; torch's decoder has the dtype it computes in."""
    if hasattr(weights.lm_head, "panels"):
        from app.model.cpu_kernels.decoder import CompiledDecoder
        from app.model.cpu_kernels.kv_cache import PanelCache

        dtype = getattr(torch, kv_cache_dtype)
        panel_cache = PanelCache(weights.config, slots, positions, dtype)
        return CompiledDecoder(weights, panel_cache), panel_cache
    devices = tuple(layer.device for layer in weights.layers)
    cache = SlotCache(weights.config, slots, positions, weights.dtype, devices)
    return TorchDecoder(weights, cache), cache


def describe_kernels(decoder: Decoder) -> str:
    """The kernels that compute on this CPU, as text for the log and the model card."""
    if isinstance(decoder, TorchDecoder) and not missing_feature():
        return "torch (compiled kernels cannot be used)"
    return kernels()


def _reason_for_torch(weight_bits: int | None) -> str | None:
    """Why the compiled kernels cannot be used; None if they can. They are compiled only on a CPU
    that has the features they need, and in a child process first."""
    if missing := missing_feature():
        return f"this CPU has no {missing}"
    try:
        from app.model.self_test_process import kernel_fault

        if fault := kernel_fault(weight_bits):
            return fault
        from app.model.cpu_kernels.self_test import gemm_matches_torch
    except ImportError as error:
        return f"{error.name} cannot be imported"
    return None if gemm_matches_torch(weight_bits) else "their results were wrong on this machine"
