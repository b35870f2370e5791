"""Batch-invariant linear layers of the torch decoder: a row's bits do not depend on the batch.

Three implementations of one protocol: float16 storage with float32 arithmetic (FBGEMM), float32
packed by oneDNN, and torch's `F.linear` on everything but x86 CPUs. On x86, `F.linear` in float32
gives one row up to four different results by the number of rows. Measurements: docs/lab-log.md.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

FLOAT16_MAX = 65504.0
#: Row block of FBGEMM's AVX2 micro-kernel.
_FBGEMM_ROWS = 6


class Linear(Protocol):
    """y = x Wᵀ / scale: the caller multiplies the result by `scale`."""

    #: a power of two, so multiplying by it is exact; callers fold it into a norm or an addition
    scale: float
    nbytes: int

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, in] -> [rows, out], same dtype."""


class Float16Linear:
    """float16 weights and float32 activations, with float32 arithmetic (FBGEMM)."""

    def __init__(self, weight: Tensor, scale: float) -> None:
        self.scale = scale
        self.nbytes = weight.numel() * 2
        self._packed = torch.ops.quantized.linear_prepack_fp16(weight, None)

    def __call__(self, x: Tensor) -> Tensor:
        missing = -x.shape[0] % _row_multiple()
        if missing:
            return self.unpadded(functional.pad(x, (0, 0, 0, missing)))[:-missing]
        return self.unpadded(x)

    def unpadded(self, x: Tensor) -> Tensor:
        """FBGEMM's result without padding rows: on some CPUs its bits depend on the row count."""
        y: Tensor = torch.ops.quantized.linear_dynamic_fp16(x, self._packed)
        return y


@cache
def _row_multiple() -> int:
    """Row counts that are a multiple of this have the same bits in FBGEMM: its AVX2 kernels take
    six rows at a time, and sum in another order where one or two remain."""
    generator = torch.Generator().manual_seed(0)
    linear = Float16Linear(torch.randn(32, 128, generator=generator), 1.0)
    x = torch.randn(14, 128, generator=generator)
    together = linear.unpadded(x)
    invariant = all(linear.unpadded(x[:count]).equal(together[:count]) for count in range(1, 14))
    return 1 if invariant else _FBGEMM_ROWS


class OneDnnLinear:
    """float32 weights in oneDNN's blocked layout."""

    scale = 1.0

    def __init__(self, weight: Tensor) -> None:
        self.nbytes = weight.numel() * 4
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        # A single row takes another kernel, which for wide inputs sums in another order.
        rows = torch.randn(2, weight.shape[1], generator=torch.Generator().manual_seed(0))
        self._single_row_differs = not torch.equal(self._matmul(rows[:1]), self._matmul(rows)[:1])

    def __call__(self, x: Tensor) -> Tensor:
        if x.shape[0] == 1 and self._single_row_differs:
            return self._matmul(torch.cat((x, x)))[:1]
        return self._matmul(x)

    def _matmul(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._packed, None, "none", [], "")
        return y


class TorchLinear:
    """torch's F.linear, in the weight's dtype and on its device."""

    scale = 1.0

    def __init__(self, weight: Tensor) -> None:
        self.nbytes = weight.numel() * weight.element_size()
        self._weight = weight

    def __call__(self, x: Tensor) -> Tensor:
        return functional.linear(x, self._weight)


def pack_linear(weight: Tensor) -> Linear:
    """The exact CPU layer with the smallest storage for a [out, in] weight of any float dtype."""
    full = weight.float()
    if not _has_fbgemm():
        return OneDnnLinear(full) if torch._C._has_mkldnn else TorchLinear(full)
    if weight.dtype == torch.float16:
        return Float16Linear(full, 1.0)
    scaled, factor = _as_float16(full)
    if scaled is None:
        return OneDnnLinear(full)
    return Float16Linear(scaled, 1.0 / factor)


def _as_float16(weight: Tensor) -> tuple[Tensor | None, float]:
    """`weight` times a power of two, and that factor, if every entry then fits float16 exactly.

    bfloat16 has 8 significant bits; float16 has 11, but a smaller exponent range. Scaled to the
    top of that range, nearly every bfloat16 tensor fits without rounding.
    """
    absmax = weight.abs().max().item()
    if not math.isfinite(absmax) or absmax == 0:
        return None, 1.0
    factor = 2.0 ** math.floor(math.log2(FLOAT16_MAX / absmax))
    scaled = weight * factor
    return (scaled, factor) if torch.equal(scaled.half().float(), scaled) else (None, 1.0)


def _has_fbgemm() -> bool:
    return "fbgemm" in torch.backends.quantized.supported_engines
