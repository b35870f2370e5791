"""How a checkpoint's matrices become kernels: in full precision, or in 8 bits.

Knows nothing about layers or names. What follows a norm may trade a factor with it, so the two
are packed together.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from app.model.int8 import Int8Linear, smoothing_factors
from app.model.linear import Linear, TorchLinear, pack_linear


class WeightPacker(Protocol):
    """One way to store all matrices of a model."""

    def pack(self, weight: Tensor) -> Linear:
        """A kernel for a [out, in] weight."""

    def pack_after_norm(self, norm: Tensor, weight: Tensor) -> tuple[Tensor, Linear]:
        """A norm's weight [in] and a kernel for what follows it, which together give what
        `norm` and `weight` would."""


class FullPrecisionPacker:
    """The checkpoint's own numbers; packed kernels on a CPU, torch's own elsewhere."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def pack(self, weight: Tensor) -> Linear:
        """An exact kernel; its `scale` is the caller's to apply."""
        return (
            pack_linear(weight)
            if weight.device.type == "cpu"
            else TorchLinear(weight.to(self._dtype))
        )

    def pack_after_norm(self, norm: Tensor, weight: Tensor) -> tuple[Tensor, Linear]:
        """The kernel's power of two goes into the norm, which is exact."""
        linear = self.pack(weight)
        return norm.to(self._dtype) * linear.scale, linear


class Int8Packer:
    """8-bit weights and activations on a CPU."""

    def pack(self, weight: Tensor) -> Linear:
        """An 8-bit kernel."""
        return Int8Linear(weight)

    def pack_after_norm(self, norm: Tensor, weight: Tensor) -> tuple[Tensor, Linear]:
        """Channels that the norm makes large are evened out first."""
        factors = smoothing_factors(norm, weight)
        return norm.float() / factors, Int8Linear(weight, factors)
