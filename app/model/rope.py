"""Rotary position embedding tables (arXiv 2104.09864) for the types the server supports.

Knows nothing about layers or requests: one table per model, computed once in float32 exactly
as transformers does it, so that both give the same angles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from app.checkpoint.config import RopeConfig


@dataclass(frozen=True, slots=True)
class RopeTable:
    """cos and signed sin by position, each [positions, head_dim].

    The sine's first half is negated, so rotating is `x * cos + roll(x, head_dim / 2) * sin`.
    """

    cos: Tensor
    sin: Tensor


def build_table(
    rope: RopeConfig, head_dim: int, positions: int, dtype: torch.dtype, device: torch.device
) -> RopeTable:
    """Angles of every position below `positions`."""
    inverse, attention_scale = _inverse_frequencies(rope, head_dim)
    angles = torch.arange(positions).float()[:, None] * inverse[None]
    cos = torch.cat((angles, angles), -1).cos() * attention_scale
    sine = angles.sin() * attention_scale
    sin = torch.cat((-sine, sine), -1)
    return RopeTable(cos.to(device, dtype), sin.to(device, dtype))


def _inverse_frequencies(rope: RopeConfig, dim: int) -> tuple[Tensor, float]:
    """Radians per position [dim / 2], and the factor on cos and sin."""
    plain = 1.0 / (rope.theta ** (torch.arange(0, dim, 2, dtype=torch.float) / dim))
    if rope.kind == "linear":
        return plain / rope.options["factor"], 1.0
    if rope.kind == "llama3":
        return _llama3(plain, rope.options), 1.0
    if rope.kind == "yarn":
        return _yarn(rope, dim)
    return plain, 1.0


def _llama3(plain: Tensor, options: dict[str, Any]) -> Tensor:
    """Long wavelengths are stretched by `factor`, short ones kept, those between blended."""
    factor = options["factor"]
    low, high = options["low_freq_factor"], options["high_freq_factor"]
    original = options["original_max_position_embeddings"]
    wavelength = 2 * math.pi / plain
    scaled = torch.where(wavelength > original / low, plain / factor, plain)
    smooth = (original / wavelength - low) / (high - low)
    blended = (1 - smooth) * scaled / factor + smooth * scaled
    between = ~(wavelength < original / high) & ~(wavelength > original / low)
    return torch.where(between, blended, scaled)


def _yarn(rope: RopeConfig, dim: int) -> tuple[Tensor, float]:
    """YaRN (arXiv 2309.00071): a ramp between stretched and plain frequencies."""
    options, base = rope.options, rope.theta
    original = options["original_max_position_embeddings"]
    factor = options["factor"]

    def correction(rotations: float) -> float:
        return dim * math.log(original / (rotations * 2 * math.pi)) / (2 * math.log(base))

    low = correction(options.get("beta_fast") or 32)
    high = correction(options.get("beta_slow") or 1)
    if options.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    if low == high:
        high += 0.001  # a ramp of no width has no slope
    ramp = ((torch.arange(dim // 2, dtype=torch.float32) - low) / (high - low)).clamp(0, 1)
    powers = base ** (torch.arange(0, dim, 2).float() / dim)
    keep = 1 - ramp
    inverse = (1.0 / (factor * powers)) * (1 - keep) + (1.0 / powers) * keep
    return inverse, _yarn_attention_scale(options, factor)


def _yarn_attention_scale(options: dict[str, Any], factor: float) -> float:
    given = options.get("attention_factor")
    if given is not None:
        return float(given)

    def mscale(weight: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0

    weight, weight_all = options.get("mscale"), options.get("mscale_all_dim")
    if weight and weight_all:
        return mscale(weight) / mscale(weight_all)
    return mscale(1)
