"""Packs weights for the compiled decoder, by how many bits they may take."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from app.model.cpu_kernels.packed_int4_weights import Int4PanelLinear
from app.model.cpu_kernels.packed_int8_weights import Int8PanelLinear
from app.model.cpu_kernels.packed_weights import PanelPacker
from app.model.cpu_kernels.quantized_linear import QuantizedPanelLinear
from app.model.int8 import outlier_factors
from app.model.loading.quantization import WeightPacker
from app.model.stored_matrix import Matrix, StoredMatrix, TensorRows


class QuantizedPanelPacker(WeightPacker):
    """Rounds the weights, unless their file stores them in the same form."""

    reads_rows: ClassVar[bool] = True
    keepable: ClassVar[bool] = True

    def __init__(
        self, linear: type[QuantizedPanelLinear], head: type[QuantizedPanelLinear]
    ) -> None:
        """linear, head: of the layers, and of lm_head."""
        self._linear, self._head = linear, head

    def pack(self, weight: Matrix) -> QuantizedPanelLinear:
        """Quantize, or repack."""
        return self._linear.packing(weight)(weight)

    def pack_after_norm(self, norm: Tensor, weight: Matrix) -> tuple[Tensor, QuantizedPanelLinear]:
        """Quantize the weight after `move_outliers`, unless it can be repacked."""
        return _pack_after_norm(norm, weight, self._linear.packing(weight))

    def pack_head(self, norm: Tensor, weight: Matrix) -> tuple[Tensor, QuantizedPanelLinear]:
        """As `pack_after_norm`."""
        return _pack_after_norm(norm, weight, self._head.packing(weight))


def _pack_after_norm(
    norm: Tensor, weight: Matrix, linear: type[QuantizedPanelLinear]
) -> tuple[Tensor, QuantizedPanelLinear]:
    if not linear.exact and (factors := outlier_factors(norm)) is not None:
        rows = StoredMatrix([TensorRows(weight)]) if isinstance(weight, Tensor) else weight
        norm, weight = norm.float() / factors, rows.with_columns_times(factors)
    return norm.float(), linear(weight)


def panel_packer(weight_bits: int | None) -> WeightPacker:
    """The packer of 8 or 4 bits, or None for full precision. Beside 4 bits lm_head has 8: nothing
    after it corrects its errors."""
    if weight_bits == 4:
        return QuantizedPanelPacker(Int4PanelLinear, Int8PanelLinear)
    if weight_bits == 8:
        return QuantizedPanelPacker(Int8PanelLinear, Int8PanelLinear)
    return PanelPacker()
