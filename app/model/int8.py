"""8-bit matrix products on the CPU: one scale per output channel, one per row of activations.

Knows nothing about layers. Products of integers are exact, so a row's bits depend neither on
the rows beside it nor on the kernel oneDNN picks (docs/lab-log.md).
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

_ZERO_POINT = 128  # activations are unsigned: fed signed, the kernel never ends
_BLOCK_ROWS = 2048  # rows of a weight that are float32 at one time while it is quantized


class Int8Linear:
    """y = x Wᵀ with both sides rounded to 8 bits, sums in int32, results in float32."""

    scale = 1.0

    def __init__(self, weight: Tensor, column_factors: Tensor | None = None) -> None:
        """weight: [out, in], any float dtype; column_factors: [in], multiplied into it."""
        values, self._scales = quantize_per_channel(
            weight, column_factors, 127 if _sums_are_exact() else 63
        )
        self._packed = torch.ops.onednn.qlinear_prepack(values, None)
        self._zeros = torch.zeros(weight.shape[0], dtype=torch.int32)
        self.nbytes = weight.numel() + self._scales.nbytes

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, in] -> [rows, out], float32."""
        largest = x.abs().amax(-1, keepdim=True).clamp_min_(1e-30)
        # + 128.5, then truncated by the cast: rounded to the nearest, and shifted
        shifted = (x * (127.0 / largest)).add_(_ZERO_POINT + 0.5).to(torch.uint8)
        y = _product(shifted, self._packed, self._scales, self._zeros)
        return y.mul_(largest / 127.0)


def quantize_per_channel(
    weight: Tensor, column_factors: Tensor | None, top: int
) -> tuple[Tensor, Tensor]:
    """A [out, in] weight as int8 in [-top, top], and each output's scale, float32 [out]."""
    rows = weight.shape[0]
    values = torch.empty(weight.shape, dtype=torch.int8)
    scales = torch.empty(rows)
    for first in range(0, rows, _BLOCK_ROWS):
        block = weight[first : first + _BLOCK_ROWS].float()
        if column_factors is not None:
            block = block * column_factors
        largest = block.abs().amax(1).clamp_min_(1e-30)
        scales[first : first + _BLOCK_ROWS] = largest / top
        values[first : first + _BLOCK_ROWS] = (block * (top / largest)[:, None]).round_()
    return values, scales


def smoothing_factors(norm: Tensor, *weights: Tensor) -> Tensor:
    """Factors [in] to divide a norm by and multiply its product's columns with, so that neither
    side has channels far larger than the others: what one row's or column's single scale can
    follow (SmoothQuant, arXiv 2211.10438, with the norm in the place of measured activations).
    """
    heights = torch.stack([weight.abs().amax(0).float() for weight in weights]).amax(0)
    widths = norm.abs().float()
    factors = (widths / heights).sqrt()
    return torch.where((widths > 0) & (heights > 0), factors, torch.ones_like(factors))


def _product(shifted: Tensor, packed: Tensor, scales: Tensor, zeros: Tensor) -> Tensor:
    y: Tensor = torch.ops.onednn.qlinear_pointwise(
        shifted,
        1.0,
        _ZERO_POINT,
        packed,
        scales,
        zeros,
        None,
        1.0,
        0,
        torch.float32,
        "none",
        [],
        "",
    )
    return y


@cache
def _sums_are_exact() -> bool:
    """False on CPUs whose 8-bit products saturate at 16 bits: there weights get 7 bits."""
    weight = torch.full((16, 64), 127, dtype=torch.int8)
    shifted = torch.full((4, 64), 255, dtype=torch.uint8)
    packed = torch.ops.onednn.qlinear_prepack(weight, None)
    y = _product(shifted, packed, torch.ones(16), torch.zeros(16, dtype=torch.int32))
    return bool((y == 127 * 127 * 64).all())
