"""Tensors of directories quantized with compressed-tensors or GPTQ, under a checkpoint's names.

The integers are unpacked a block of rows at a time (`stored_matrix.py`). A weight is scale *
(integer - zero point), in float32: exact for scales of 16 bits.
"""

from __future__ import annotations

import torch
from torch import Tensor

from app.checkpoint.quantization.scheme import QuantizedTensor
from app.checkpoint.safetensors_index import TensorIndex
from app.model.loading.build_weights import Source
from app.model.loading.integer_layouts import read_integers
from app.model.loading.tensor_sources import from_checkpoint
from app.model.stored_matrix import StoredMatrix

#: Inputs that share a scale in our panels.
_PANEL_GROUP = 32


def from_quantized(index: TensorIndex, *, int8: bool = False, rounded: str | None = None) -> Source:
    """A source of the tensors in `index`.

    int8: matrices can be read as 8-bit integers, where their groups allow it. rounded: "float16"
    or "bfloat16": matrices that are float32 or quantized are rounded to it.
    """
    dtype: torch.dtype = getattr(torch, rounded) if rounded else torch.float32
    stored = from_checkpoint(index)

    def source(name: str) -> Tensor | StoredMatrix:
        info = index[name]
        if isinstance(info, QuantizedTensor):
            return StoredMatrix([QuantizedRows(name, info, dtype, int8)])
        tensor = stored(name)
        return tensor.to(dtype) if tensor.dtype == torch.float32 and tensor.dim() > 1 else tensor

    return source


class QuantizedRows:
    """One matrix of integers; implements `stored_matrix.RowReader`."""

    def __init__(self, name: str, info: QuantizedTensor, dtype: torch.dtype, int8: bool) -> None:
        """name: of the matrix, as if it were not quantized; dtype: of the rows as floats."""
        self.shape, self.dtype = (info.shape[0], info.shape[1]), dtype
        prefix = name.removesuffix("weight")
        parts = {prefix + part: tensor for part, tensor in info.parts.items()}
        read = from_checkpoint(TensorIndex(info.file.parent, parts))
        self._stored = read_integers(info.scheme, self.shape, lambda part: read(prefix + part))
        self._group = info.scheme.group or self.shape[1]
        self.int8_groups = int8 and self._fits_panels(info.scheme.bits)
        self.int4_groups = self.int8_groups and info.scheme.bits == 4

    def rows(self, rows: slice) -> Tensor:
        """See `RowReader.rows`."""
        groups = self._differences(rows).float()
        return groups.mul_(self._stored.scales[rows, :, None]).flatten(1).to(self.dtype)

    def int8_rows(self, rows: slice) -> tuple[Tensor, Tensor]:
        """See `RowReader.int8_rows`."""
        scales = self._stored.scales[rows].half()
        values = self._differences(rows).to(torch.int8).flatten(1)
        return values, scales.repeat_interleave(self._group // _PANEL_GROUP, dim=1)

    def _differences(self, rows: slice) -> Tensor:
        """Integers less their zero points, int16 [rows, groups, group]."""
        integers = self._stored.integers(rows).to(torch.int16)
        zero_points = self._stored.zero_points[rows].to(torch.int16)
        return integers.view(len(integers), -1, self._group) - zero_points[..., None]

    def _fits_panels(self, bits: int) -> bool:
        """Whether scales are float16, groups are whole panels' and the integers 8 bits."""
        if self._group % _PANEL_GROUP:
            return False
        scales, zero_points = self._stored.scales, self._stored.zero_points
        middle = bits == 4 or bool((zero_points == 2 ** (bits - 1)).all())
        return middle and torch.equal(scales.half().float(), scales)
