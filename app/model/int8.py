"""8-bit linear layers on CPUs without compiled kernels: 8-bit weights, 14-bit inputs, by oneDNN.

Integer sums are exact, so a row's bits depend neither on the other rows of the batch nor on the
kernel that oneDNN selects (docs/lab-log.md).
"""

from __future__ import annotations

import torch
from torch import Tensor

_LARGEST = 8127  # 127 / 2 * 128 - 1: the larger plane then has 7 bits
_ZERO_POINT = 64  # inputs are uint8: with int8 ones, oneDNN's kernel does not return
#: A channel of a norm is an outlier beyond this many times the median.
_OUTLIER = 16.0
_BLOCK_ROWS = 2048  # rows of a weight that are converted to float32 at a time


class Int8Linear:
    """y = x Wᵀ with 8-bit weights and a scale per output channel, inputs in 14 bits with a scale
    per row, sums in int32, results in float32."""

    scale = 1.0

    def __init__(self, weight: Tensor) -> None:
        """weight: [out, in], any float dtype."""
        values, self._scales = quantize_per_channel(weight)
        self._packed = torch.ops.onednn.qlinear_prepack(values, None)
        self._zeros = torch.zeros(weight.shape[0], dtype=torch.int32)
        self.nbytes = weight.numel() + self._scales.nbytes

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, in] -> [rows, out], float32."""
        high, low, scales = quantize_in_planes(x)
        y = self._product(high).mul_(128.0).add_(self._product(low))
        return y.mul_(scales)

    def _product(self, plane: Tensor) -> Tensor:
        quantized = plane.add_(_ZERO_POINT).to(torch.uint8)
        return _qlinear(quantized, self._packed, self._scales, self._zeros)


def quantize_per_channel(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Quantize a [out, in] weight: int8, and a float32 scale per output channel, [out]."""
    rows = weight.shape[0]
    values = torch.empty(weight.shape, dtype=torch.int8)
    scales = torch.empty(rows)
    for first in range(0, rows, _BLOCK_ROWS):
        block = weight[first : first + _BLOCK_ROWS].float()
        absmax = block.abs().amax(1).clamp_min_(1e-30)
        scales[first : first + _BLOCK_ROWS] = absmax / 127
        values[first : first + _BLOCK_ROWS] = (block * (127 / absmax)[:, None]).round_()
    return values, scales


def quantize_in_planes(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Quantize each row to 14 bits, as two planes of 7: x is (128 * high + low) * scale.

    Returns high and low, integers from -64 to 64 in float32, as x; and the scales, float32
    [rows, 1]. Products of 7 by 8 bits never saturate vpmaddubsw, and 14 bits are precise enough
    for rows with outliers, where 8 bits with one scale per row are not (docs/lab-log.md).
    """
    scales = x.abs().amax(-1, keepdim=True).clamp_min_(1e-30) / _LARGEST
    values = (x / scales).round_()
    high = (values / 128).round_()
    return high, values - high * 128, scales


def move_outliers(norm: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Divide a norm's outlier channels by powers of two, and multiply the columns of the weight
    after it by them: exact in floats, and the group of such a channel keeps its 8 bits (as in
    SmoothQuant, arXiv 2211.10438). Both are returned as they are if there is no outlier.

    norm: [in]; weight: [out, in].
    """
    factors = outlier_factors(norm)
    if factors is None:
        return norm, weight
    return norm.float() / factors, weight.float() * factors


def outlier_factors(norm: Tensor) -> Tensor | None:
    """The power of two of each channel in `move_outliers`, [in]; None if there is no outlier."""
    ratios = norm.abs().float() / norm.abs().float().median().clamp_min(1e-30)
    outliers = ratios > _OUTLIER
    if not outliers.any():
        return None
    return torch.where(outliers, ratios.clamp_min(1).log2().round().exp2(), 1.0)


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
