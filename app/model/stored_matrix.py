"""A matrix whose rows are read from their file a block at a time, while it is packed.

So a whole matrix is never in memory in two forms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

#: Rows that `whole` reads at a time.
_ROWS_AT_ONCE = 512


class RowReader(Protocol):
    """Rows of one tensor in a file."""

    @property
    def shape(self) -> tuple[int, int]:
        """[out, in]."""

    @property
    def dtype(self) -> torch.dtype:
        """Of the rows as floats."""

    @property
    def int8_groups(self) -> bool:
        """Whether its values are 8-bit integers times a float16 scale per 32 inputs."""

    @property
    def int4_groups(self) -> bool:
        """Whether these integers, too, fit 4 bits: in each group of 32 from -z to 15 - z, for a z
        from 0 to 15."""

    def rows(self, rows: slice) -> Tensor:
        """These rows as floats, [rows, in]."""

    def int8_rows(self, rows: slice) -> tuple[Tensor, Tensor]:
        """The integers, int8 [rows, in], and their scales, float16 [rows, in / 32]; only if
        `int8_groups`."""


class StoredMatrix:
    """Readers one below the other, as one matrix; implements `RowReader`."""

    def __init__(self, parts: Sequence[RowReader], factors: Tensor | None = None) -> None:
        """factors: each column is multiplied by one, [in]."""
        self._parts, self._factors = tuple(parts), factors
        self.shape = (sum(part.shape[0] for part in parts), parts[0].shape[1])
        self.int8_groups = factors is None and all(part.int8_groups for part in parts)
        self.int4_groups = factors is None and all(part.int4_groups for part in parts)
        self.dtype = torch.float32
        if factors is None and len({part.dtype for part in parts}) == 1:
            self.dtype = parts[0].dtype

    def rows(self, rows: slice) -> Tensor:
        """See `RowReader.rows`."""
        blocks = [part.rows(within).to(self.dtype) for part, within in self._within(rows)]
        block = blocks[0] if len(blocks) == 1 else torch.cat(blocks)
        return block if self._factors is None else block * self._factors

    def int8_rows(self, rows: slice) -> tuple[Tensor, Tensor]:
        """See `RowReader.int8_rows`."""
        pairs = [part.int8_rows(within) for part, within in self._within(rows)]
        if len(pairs) == 1:
            return pairs[0]
        return torch.cat([values for values, _ in pairs]), torch.cat(
            [scales for _, scales in pairs]
        )

    def with_columns_times(self, factors: Tensor) -> StoredMatrix:
        """The same matrix with each column multiplied by a factor, [in]."""
        return StoredMatrix(self._parts, factors)

    @property
    def parts(self) -> tuple[RowReader, ...]:
        """The readers; of a matrix without factors."""
        return self._parts

    def _within(self, rows: slice) -> list[tuple[RowReader, slice]]:
        """The readers that have some of `rows`, and which of their own rows these are."""
        found, start = [], 0
        for part in self._parts:
            first, last = max(rows.start - start, 0), min(rows.stop - start, part.shape[0])
            if first < last:
                found.append((part, slice(first, last)))
            start += part.shape[0]
        return found


class TensorRows:
    """A tensor in memory as a `RowReader`."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        self.shape, self.dtype = (tensor.shape[0], tensor.shape[1]), tensor.dtype
        # Padding is exact in any form. Weights are told from it by their first row.
        zeros = not tensor[:1].any() and not tensor.any() and self.shape[1] % 32 == 0
        self.int8_groups = self.int4_groups = zeros

    def rows(self, rows: slice) -> Tensor:
        """See `RowReader.rows`."""
        return self._tensor[rows]

    def int8_rows(self, rows: slice) -> tuple[Tensor, Tensor]:
        """See `RowReader.int8_rows`."""
        count, columns = rows.stop - rows.start, self.shape[1]
        return (
            torch.zeros(count, columns, dtype=torch.int8),
            torch.zeros(count, columns // 32, dtype=torch.float16),
        )


Matrix = Tensor | StoredMatrix


def whole(matrix: Matrix) -> Tensor:
    """All of `matrix` in memory; a tensor as it is."""
    if isinstance(matrix, Tensor):
        return matrix
    tensor = torch.empty(matrix.shape, dtype=matrix.dtype)
    for first in range(0, matrix.shape[0], _ROWS_AT_ONCE):
        rows = slice(first, min(first + _ROWS_AT_ONCE, matrix.shape[0]))
        tensor[rows] = matrix.rows(rows)
    return tensor


def rows_of(matrix: Matrix, rows: slice) -> Tensor:
    """Some rows of `matrix`."""
    return matrix[rows] if isinstance(matrix, Tensor) else matrix.rows(rows)


def stack(matrices: Sequence[Matrix], *, copy: bool = True) -> Matrix:
    """The matrices one below the other. copy: in memory if all are, else never."""
    tensors = [matrix for matrix in matrices if isinstance(matrix, Tensor)]
    if copy and len(tensors) == len(matrices):
        return torch.cat(tensors)
    parts: list[RowReader] = []
    for matrix in matrices:
        parts += [TensorRows(matrix)] if isinstance(matrix, Tensor) else matrix.parts
    return StoredMatrix(parts)


def pad_rows(matrix: Matrix, count: int) -> Matrix:
    """`matrix` with `count` rows of zeros after it."""
    if isinstance(matrix, Tensor):
        return pad(matrix, (0, 0, 0, count))
    return stack([matrix, torch.zeros(count, matrix.shape[1], dtype=matrix.dtype)])


def has_int8_groups(matrix: Matrix) -> bool:
    """See `RowReader.int8_groups`; not if it is in memory."""
    return isinstance(matrix, StoredMatrix) and matrix.int8_groups


def has_int4_groups(matrix: Matrix) -> bool:
    """See `RowReader.int4_groups`; not if it is in memory."""
    return isinstance(matrix, StoredMatrix) and matrix.int4_groups
