"""8-bit linear layers on a GPU by bitsandbytes: 8-bit weights, 14-bit inputs, a scale per row.

CI has no GPU: tests run it on a CPU, with bitsandbytes' CPU kernel. Outlier columns
(llm_int8_threshold) are not used: they are selected over the whole batch, so a row's result would
depend on the other rows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from app.model.int8 import move_outliers, quantize_in_planes
from app.model.linear import Linear
from app.model.loading.quantization import WeightPacker
from app.model.stored_matrix import Matrix, whole

_BLOCK_ROWS = 2048  # rows of a weight that are converted to float32 at a time


class GpuInt8Linear:
    """y = x Wᵀ with 8-bit weights and inputs in two 8-bit planes, sums in int32, results in x's
    dtype."""

    scale = 1.0

    def __init__(self, weight: Tensor) -> None:
        """weight: [out, in], any float dtype."""
        import bitsandbytes  # noqa: F401 - registers torch.ops.bitsandbytes

        self._weight = torch.empty(weight.shape, dtype=torch.int8, device=weight.device)
        self._scales = torch.empty(weight.shape[0], device=weight.device)
        for first in range(0, weight.shape[0], _BLOCK_ROWS):
            last = first + _BLOCK_ROWS
            block = weight[first:last].float()
            self._weight[first:last], scales = _quantize_rows(block)
            self._scales[first:last] = scales[:, 0]
        self.nbytes = self._weight.nbytes + self._scales.nbytes

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, in] -> [rows, out], same dtype."""
        high, low, scales = quantize_in_planes(x.float())
        y = self._product(high).mul_(128.0).add_(self._product(low))
        return y.mul_(scales).mul_(self._scales).to(x.dtype)

    def _product(self, plane: Tensor) -> Tensor:
        y: Tensor = torch.ops.bitsandbytes.int8_linear_matmul(plane.to(torch.int8), self._weight)
        return y.float()


def _quantize_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Quantize each row: int8 [rows, in], and float32 scales [rows, 1]."""
    scales = rows.abs().amax(1, keepdim=True).clamp_min_(1e-30) / 127.0
    return (rows / scales).round_().to(torch.int8), scales


class GpuInt8Packer(WeightPacker):
    """Packs weights in 8 bits on a GPU."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def pack(self, weight: Matrix) -> Linear:
        """Quantize with one scale per output channel."""
        return GpuInt8Linear(whole(weight))

    def pack_after_norm(self, norm: Tensor, weight: Matrix) -> tuple[Tensor, Linear]:
        """Quantize the weight after `move_outliers`."""
        norm, weight = move_outliers(norm, whole(weight))
        return norm.to(self._dtype), GpuInt8Linear(weight)
