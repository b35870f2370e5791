"""Tensors of GGUF files under a checkpoint's names, dequantized by the `gguf` package.

Quantized matrices are read a block of rows at a time (`stored_matrix.py`). Files are read, not
mapped: one that is truncated meanwhile gives an error instead of a signal.
"""

from __future__ import annotations

import numpy as np
import torch
from gguf import GGMLQuantizationType
from gguf.quants import dequantize
from torch import Tensor

from app.checkpoint.config import ModelConfig
from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.tensor_types import FLOATS, IDS
from app.checkpoint.safe_open import open_file
from app.checkpoint.safetensors_index import TensorIndex, TensorInfo
from app.model.loading.build_weights import Source
from app.model.loading.ggml_int8 import INT4_TYPES, INT8_TYPES, to_int8_groups
from app.model.stored_matrix import StoredMatrix

_DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
#: ggml rotates neighbouring elements of a head in models of this architecture; Hugging Face those
#: half a head apart. llama.cpp's converter changes the order of the rows of q and k.
_REORDERED = ("llama", "mistral")
Bytes = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def from_gguf(
    index: TensorIndex, model: ModelConfig, *, int8: bool = False, rounded: str | None = None
) -> Source:
    """A source of the tensors in `index`.

    int8: types of 8-bit integers and fewer can be read as such. rounded: "float16" or "bfloat16":
    matrices that are float32 or quantized are rounded to it.
    """
    dtype: torch.dtype = getattr(torch, rounded) if rounded else torch.float32

    def source(name: str) -> Tensor | StoredMatrix:
        info = index[name]
        rows = GgufRows(info, _head_dim(model, name), dtype, int8)
        if info.dtype in FLOATS:
            return rows.floats()
        return StoredMatrix([rows])

    return source


def _head_dim(model: ModelConfig, name: str) -> int:
    """The rows of a head, if they have another order in the file; else 0."""
    reordered = model.architecture in _REORDERED and name.rpartition(".")[0].endswith(
        ("q_proj", "k_proj")
    )
    return model.head_dim if reordered else 0


class GgufRows:
    """One tensor of a GGUF file; implements `stored_matrix.RowReader`."""

    def __init__(self, info: TensorInfo, head_dim: int, dtype: torch.dtype, int8: bool) -> None:
        """head_dim: see `_head_dim`; dtype: of the rows as floats, if they are not in 16 bits.
        A vector is read as a matrix of one column."""
        self._info = info
        self.shape = (info.shape[0], info.shape[1] if len(info.shape) > 1 else 1)
        self.dtype = dtype
        self.int8_groups = int8 and info.dtype in INT8_TYPES
        self.int4_groups = int8 and info.dtype in INT4_TYPES
        self._row_bytes = (info.end - info.begin) // self.shape[0]
        # Within a head: even rows come first, then odd ones.
        self._order = np.arange(head_dim).reshape(-1, 2).T.ravel() if head_dim else None

    def floats(self) -> Tensor:
        """All of a tensor that is not quantized. A float32 matrix is rounded to `dtype`."""
        raw = self._raw(slice(0, self.shape[0]))
        stored = torch.from_numpy(raw).view(_DTYPES[self._info.dtype]).view(self._info.shape)
        if stored.dtype == torch.float32 and stored.dim() > 1:
            return stored.to(self.dtype)
        return stored

    def rows(self, rows: slice) -> Tensor:
        """See `RowReader.rows`."""
        kind = GGMLQuantizationType(IDS[self._info.dtype])
        return torch.from_numpy(dequantize(self._raw(rows), kind)).to(self.dtype)

    def int8_rows(self, rows: slice) -> tuple[Tensor, Tensor]:
        """See `RowReader.int8_rows`."""
        values, scales = to_int8_groups(self._raw(rows), self._info.dtype)
        return torch.from_numpy(values), torch.from_numpy(scales)

    def _raw(self, rows: slice) -> Bytes:
        """The rows' bytes, [rows, bytes], in Hugging Face's order."""
        if self._order is None:
            return self._read(rows.start, rows.stop)
        head = len(self._order)
        first, last = rows.start // head * head, -(-rows.stop // head) * head
        heads = self._read(first, last).reshape(-1, head, self._row_bytes)[:, self._order]
        return heads.reshape(-1, self._row_bytes)[rows.start - first : rows.stop - first]

    def _read(self, first: int, last: int) -> Bytes:
        raw = np.empty((last - first, self._row_bytes), np.uint8)
        path = self._info.file
        try:
            with open_file(path) as file:
                file.seek(self._info.begin + first * self._row_bytes)
                count = file.readinto(raw.data.cast("B"))  # type: ignore[attr-defined]
        except OSError as error:
            raise StartupError(f"{path} cannot be read: {error.strerror}") from error
        if count < raw.nbytes:
            raise StartupError(f"{path} became shorter while it was read")
        return raw
