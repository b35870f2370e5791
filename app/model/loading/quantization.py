"""How a checkpoint's matrices become kernels: in full precision, or in 8 bits.

Knows nothing about layers or names. What follows a norm may trade a factor with it, so the two
are packed together.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from app.model.int8 import Int8Linear, balance
from app.model.linear import Linear, PlainLinear, pack


class Packing(Protocol):
    """One way to store all matrices of a model."""

    def plain(self, weight: Tensor) -> Linear:
        """A kernel for a [out, in] weight."""

    def after_norm(self, norm: Tensor, weight: Tensor) -> tuple[Tensor, Linear]:
        """A norm's weight [in] and a kernel for what follows it, which together give what
        `norm` and `weight` would."""


class FullPrecision:
    """The checkpoint's own numbers; packed kernels on a CPU, torch's own elsewhere."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def plain(self, weight: Tensor) -> Linear:
        """An exact kernel; its `scale` is the caller's to apply."""
        return pack(weight) if weight.device.type == "cpu" else PlainLinear(weight.to(self._dtype))

    def after_norm(self, norm: Tensor, weight: Tensor) -> tuple[Tensor, Linear]:
        """The kernel's power of two goes into the norm, which is exact."""
        linear = self.plain(weight)
        return norm.to(self._dtype) * linear.scale, linear


class EightBit:
    """8-bit weights and activations on a CPU."""

    def plain(self, weight: Tensor) -> Linear:
        """An 8-bit kernel."""
        return Int8Linear(weight)

    def after_norm(self, norm: Tensor, weight: Tensor) -> tuple[Tensor, Linear]:
        """Channels that the norm makes large are evened out first."""
        factors = balance(norm, weight)
        return norm.float() / factors, Int8Linear(weight, factors)
