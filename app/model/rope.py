"""Tables of rotary position embeddings (RoPE, arXiv 2104.09864) and their scaling types.

Computed once in float32 with transformers' formulas, so that the angles have the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from app.checkpoint.config import RopeConfig
from app.checkpoint.rope import FREQUENCY_FACTORS


@dataclass(frozen=True, slots=True)
class RopeTable:
    """cos and sin by position, each [positions, head_dim].

    The sine's first half is negated, so a rotation is `x * cos + roll(x, head_dim / 2) * sin`.
    """

    cos: Tensor
    sin: Tensor


def build_rope_table(
    rope: RopeConfig, head_dim: int, positions: int, dtype: torch.dtype, device: torch.device
) -> RopeTable:
    """The table of positions 0 … positions - 1."""
    inverse, attention_scale = _inverse_frequencies(rope, head_dim)
    angles = torch.arange(positions).float()[:, None] * inverse[None]
    cos = torch.cat((angles, angles), -1).cos() * attention_scale
    sine = angles.sin() * attention_scale
    sin = torch.cat((-sine, sine), -1)
    return RopeTable(cos.to(device, dtype), sin.to(device, dtype))


def _inverse_frequencies(rope: RopeConfig, dim: int) -> tuple[Tensor, float]:
    """Inverse frequencies in radians per position, [dim / 2], and the factor on cos and sin."""
    unscaled = 1.0 / (rope.theta ** (torch.arange(0, dim, 2, dtype=torch.float) / dim))
    if rope.kind == "linear":
        return unscaled / rope.options["factor"], 1.0
    if rope.kind == "llama3":
        return _llama3(unscaled, rope.options), 1.0
    if rope.kind == FREQUENCY_FACTORS:
        return unscaled / torch.tensor(rope.options["factors"]), 1.0
    if rope.kind == "yarn":
        return _yarn(rope, dim)
    return unscaled, 1.0


def _llama3(unscaled: Tensor, options: dict[str, Any]) -> Tensor:
    """Llama 3.1 scaling: long wavelengths are scaled by `factor`, short ones are not, those between
    are interpolated."""
    factor = options["factor"]
    low, high = options["low_freq_factor"], options["high_freq_factor"]
    original = options["original_max_position_embeddings"]
    wavelength = 2 * math.pi / unscaled
    scaled = torch.where(wavelength > original / low, unscaled / factor, unscaled)
    smooth = (original / wavelength - low) / (high - low)
    blended = (1 - smooth) * scaled / factor + smooth * scaled
    between = ~(wavelength < original / high) & ~(wavelength > original / low)
    return torch.where(between, blended, scaled)


def _yarn(rope: RopeConfig, dim: int) -> tuple[Tensor, float]:
    """YaRN (arXiv 2309.00071): a linear ramp between scaled and unscaled frequencies."""
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
        high += 0.001  # avoids a division by zero
    ramp = ((torch.arange(dim // 2, dtype=torch.float32) - low) / (high - low)).clamp(0, 1)
    powers = base ** (torch.arange(0, dim, 2).float() / dim)
    unscaled_share = 1 - ramp
    scaled, unscaled = 1.0 / (factor * powers), 1.0 / powers
    inverse = scaled * (1 - unscaled_share) + unscaled * unscaled_share
    return inverse, _yarn_attention_scale(options, factor)


def _yarn_attention_scale(options: dict[str, Any], factor: float) -> float:
    attention_factor = options.get("attention_factor")
    if attention_factor is not None:
        return float(attention_factor)

    def mscale(weight: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0

    weight, weight_all = options.get("mscale"), options.get("mscale_all_dim")
    if weight and weight_all:
        return mscale(weight) / mscale(weight_all)
    return mscale(1)
