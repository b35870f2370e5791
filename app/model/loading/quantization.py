"""Packs a checkpoint's matrices as linear layers: in full precision, or quantized to 8 bits.

A norm and the linear layer after it are packed together, because a factor may move between them.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from app.model.int8 import Int8Linear, move_outliers
from app.model.linear import Linear, TorchLinear, pack_linear


class WeightPacker(Protocol):
    """How the matrices of a model are stored."""

    def pack(self, weight: Tensor) -> Linear:
        """The linear layer of a [out, in] weight."""

    def pack_after_norm(self, norm: Tensor, weight: Tensor) -> tuple[Tensor, Linear]:
        """A norm's weight [in] and the linear layer after it, which together compute what `norm`
        and `weight` would."""


class FullPrecisionPacker:
    """The checkpoint's values unchanged: packed layers on a CPU, F.linear elsewhere."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def pack(self, weight: Tensor) -> Linear:
        """An exact linear layer; the caller applies its `scale`."""
        return (
            pack_linear(weight)
            if weight.device.type == "cpu"
            else TorchLinear(weight.to(self._dtype))
        )

    def pack_after_norm(self, norm: Tensor, weight: Tensor) -> tuple[Tensor, Linear]:
        """The layer's scale is multiplied into the norm; exact, as it is a power of two."""
        linear = self.pack(weight)
        return norm.to(self._dtype) * linear.scale, linear


class Int8Packer:
    """8-bit weights on a CPU without compiled kernels."""

    def pack(self, weight: Tensor) -> Linear:
        """Quantize with one scale per output channel."""
        return Int8Linear(weight)

    def pack_after_norm(self, norm: Tensor, weight: Tensor) -> tuple[Tensor, Linear]:
        """Quantize the weight after `move_outliers`."""
        norm, weight = move_outliers(norm, weight)
        return norm.float(), Int8Linear(weight)
