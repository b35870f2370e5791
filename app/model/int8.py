"""8-bit linear layers (W8A8) on the CPU by oneDNN: a scale per output channel and per row.

Integer sums are exact, so a row's bits depend neither on the other rows of the batch nor on the
kernel that oneDNN selects (docs/lab-log.md).
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

_ZERO_POINT = 128  # activations are uint8: with int8 ones, oneDNN's kernel does not return
_BLOCK_ROWS = 2048  # rows of a weight that are converted to float32 at a time


class Int8Linear:
    """y = x Wᵀ with weights and activations in 8 bits, sums in int32, results in float32."""

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
        absmax = x.abs().amax(-1, keepdim=True).clamp_min_(1e-30)
        # The cast truncates, so + 128.5 rounds to nearest and adds the zero point.
        quantized = (x * (127.0 / absmax)).add_(_ZERO_POINT + 0.5).to(torch.uint8)
        y = _qlinear(quantized, self._packed, self._scales, self._zeros)
        return y.mul_(absmax / 127.0)


def quantize_per_channel(
    weight: Tensor, column_factors: Tensor | None, top: int
) -> tuple[Tensor, Tensor]:
    """Quantize a [out, in] weight: int8 in [-top, top], and a float32 scale per output channel,
    [out]. column_factors: [in], multiplied into it first."""
    rows = weight.shape[0]
    values = torch.empty(weight.shape, dtype=torch.int8)
    scales = torch.empty(rows)
    for first in range(0, rows, _BLOCK_ROWS):
        block = weight[first : first + _BLOCK_ROWS].float()
        if column_factors is not None:
            block = block * column_factors
        absmax = block.abs().amax(1).clamp_min_(1e-30)
        scales[first : first + _BLOCK_ROWS] = absmax / top
        values[first : first + _BLOCK_ROWS] = (block * (top / absmax)[:, None]).round_()
    return values, scales


def smoothing_factors(norm: Tensor, *weights: Tensor) -> Tensor:
    """Factors [in] to divide a norm's weight by, and to multiply the columns of the following
    weights with: they move outlier channels from the activations into the weights, as one scale
    per row cannot represent them (SmoothQuant, arXiv 2211.10438, with the norm's weight instead of
    measured activations).
    """
    weight_max = torch.stack([weight.abs().amax(0).float() for weight in weights]).amax(0)
    activation_max = norm.abs().float()
    factors = (activation_max / weight_max).sqrt()
    both_positive = (activation_max > 0) & (weight_max > 0)
    return torch.where(both_positive, factors, torch.ones_like(factors))


def _qlinear(quantized: Tensor, packed: Tensor, scales: Tensor, zeros: Tensor) -> Tensor:
    y: Tensor = torch.ops.onednn.qlinear_pointwise(
        quantized,
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
    """False on CPUs without VNNI: vpmaddubsw saturates at 16 bits, so weights get 7 bits."""
    weight = torch.full((16, 64), 127, dtype=torch.int8)
    activations = torch.full((4, 64), 255, dtype=torch.uint8)
    packed = torch.ops.onednn.qlinear_prepack(weight, None)
    y = _qlinear(activations, packed, torch.ones(16), torch.zeros(16, dtype=torch.int32))
    return bool((y == 127 * 127 * 64).all())
