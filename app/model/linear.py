"""Matrix products whose every row is the same, bit for bit, however many rows come along.

Knows nothing about layers. Three kernels behind one shape: 16-bit storage computed in float32
(FBGEMM), oneDNN-packed float32, and torch's own for everything that is not an x86 CPU.
Why these, with figures: docs/lab-log.md. `F.linear` in float32 gives one row up to four
different answers by the number of rows, so it serves only where nothing else does.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

HALF_MAX = 65504.0
#: Rows that FBGEMM's kernels for AVX2 keep in registers.
_HALF_BLOCK = 6


class Linear(Protocol):
    """y = x Wᵀ, up to `scale`: the true product is `scale * linear(x)`."""

    #: a power of two, so multiplying by it is exact; the caller folds it in where it is free
    scale: float
    nbytes: int

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, in] -> [rows, out], same dtype."""


class Float16Linear:
    """Weights kept as float16, arithmetic in float32 on float32 activations."""

    def __init__(self, weight: Tensor, scale: float) -> None:
        self.scale = scale
        self.nbytes = weight.numel() * 2
        self._packed = torch.ops.quantized.linear_prepack_fp16(weight, None)

    def __call__(self, x: Tensor) -> Tensor:
        missing = -x.shape[0] % _half_rows()
        if missing:
            return self.product(functional.pad(x, (0, 0, 0, missing)))[:-missing]
        return self.product(x)

    def product(self, x: Tensor) -> Tensor:
        """As FBGEMM computes it: on some CPUs a row's bits depend on how many rows there are."""
        y: Tensor = torch.ops.quantized.linear_dynamic_fp16(x, self._packed)
        return y


@cache
def _half_rows() -> int:
    """A multiple of this many rows keeps FBGEMM's bits. Its kernels for AVX2 take six rows at a
    time, and sum in another order where one or two are left over."""
    generator = torch.Generator().manual_seed(0)
    linear = Float16Linear(torch.randn(32, 128, generator=generator), 1.0)
    x = torch.randn(14, 128, generator=generator)
    whole = linear.product(x)
    alike = all(linear.product(x[:count]).equal(whole[:count]) for count in range(1, 14))
    return 1 if alike else _HALF_BLOCK


class OneDnnLinear:
    """float32 weights in oneDNN's blocked layout."""

    scale = 1.0

    def __init__(self, weight: Tensor) -> None:
        self.nbytes = weight.numel() * 4
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        # A lone row takes another kernel, which for wide inputs sums in another order.
        trial = torch.randn(2, weight.shape[1], generator=torch.Generator().manual_seed(0))
        self._lone_rows_differ = not torch.equal(self._product(trial[:1]), self._product(trial)[:1])

    def __call__(self, x: Tensor) -> Tensor:
        if x.shape[0] == 1 and self._lone_rows_differ:
            return self._product(torch.cat((x, x)))[:1]
        return self._product(x)

    def _product(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._packed, None, "none", [], "")
        return y


class TorchLinear:
    """torch's own product, in the weight's dtype and on its device."""

    scale = 1.0

    def __init__(self, weight: Tensor) -> None:
        self.nbytes = weight.numel() * weight.element_size()
        self._weight = weight

    def __call__(self, x: Tensor) -> Tensor:
        return functional.linear(x, self._weight)


def pack_linear(weight: Tensor) -> Linear:
    """The smallest exact CPU kernel for a [out, in] weight of any float dtype."""
    full = weight.float()
    if not _has_fbgemm():
        return OneDnnLinear(full) if torch._C._has_mkldnn else TorchLinear(full)
    if weight.dtype == torch.float16:
        return Float16Linear(full, 1.0)
    scaled, factor = _as_half(full)
    if scaled is None:
        return OneDnnLinear(full)
    return Float16Linear(scaled, 1.0 / factor)


def _as_half(weight: Tensor) -> tuple[Tensor | None, float]:
    """`weight` times the power of two that makes every entry a float16, if there is one.

    bfloat16 has 8 significant bits, float16 11 but fewer exponents: shifted to the top of
    float16's range nearly every bfloat16 tensor fits without rounding.
    """
    largest = weight.abs().max().item()
    if not math.isfinite(largest) or largest == 0:
        return None, 1.0
    factor = 2.0 ** math.floor(math.log2(HALF_MAX / largest))
    scaled = weight * factor
    return (scaled, factor) if torch.equal(scaled.half().float(), scaled) else (None, 1.0)


def _has_fbgemm() -> bool:
    return "fbgemm" in torch.backends.quantized.supported_engines
