"""Packs a checkpoint's matrices as linear layers: in full precision, or quantized to 8 bits.

A norm and the linear layer after it are packed together, because a factor may move between them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from app.model.int8 import Int8Linear, move_outliers
from app.model.linear import Linear, TorchLinear, pack_linear
from app.model.stored_matrix import Matrix, whole


class WeightPacker(ABC):
    """How the matrices of a model are stored."""

    #: Reads a matrix a block of rows at a time, in the form in which its file has them. Others
    #: take all of it as floats.
    reads_rows: ClassVar[bool] = False
    keepable: ClassVar[bool] = False  #: the packed layers are panels, which --cache_dir can keep

    @abstractmethod
    def pack(self, weight: Matrix) -> Linear:
        """The linear layer of a [out, in] weight."""

    @abstractmethod
    def pack_after_norm(self, norm: Tensor, weight: Matrix) -> tuple[Tensor, Linear]:
        """A norm's weight [in] and the linear layer after it, which together compute what `norm`
        and `weight` would."""

    def pack_head(self, norm: Tensor, weight: Matrix) -> tuple[Tensor, Linear]:
        """As `pack_after_norm`, of the final norm and lm_head."""
        return self.pack_after_norm(norm, weight)


class FullPrecisionPacker(WeightPacker):
    """The checkpoint's values unchanged: packed layers on a CPU, F.linear elsewhere."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def pack(self, weight: Matrix) -> Linear:
        """An exact linear layer; the caller applies its `scale`."""
        weight = whole(weight)
        return (
            pack_linear(weight)
            if weight.device.type == "cpu"
            else TorchLinear(weight.to(self._dtype))
        )

    def pack_after_norm(self, norm: Tensor, weight: Matrix) -> tuple[Tensor, Linear]:
        """The layer's scale is multiplied into the norm; exact, as it is a power of two."""
        linear = self.pack(weight)
        return norm.to(self._dtype) * linear.scale, linear


class Int8Packer(WeightPacker):
    """8-bit weights on a CPU without compiled kernels."""

    def pack(self, weight: Matrix) -> Linear:
        """Quantize with one scale per output channel."""
        return Int8Linear(whole(weight))

    def pack_after_norm(self, norm: Tensor, weight: Matrix) -> tuple[Tensor, Linear]:
        """Quantize the weight after `move_outliers`."""
        norm, weight = move_outliers(norm, whole(weight))
        return norm.float(), Int8Linear(weight)
