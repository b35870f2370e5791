"""Reads integers, zero points and scales in the layouts of compressed-tensors and GPTQ.

Both put the integers along the inputs into 32-bit words, the first in the lowest bits, with the
middle of their range added so that none is negative. GPTQ's tensors are transposed, and its
first version stores zero points less one: it subtracts one from every field of a word with a
single subtraction, so that a zero borrows from the field above it (GPTQModel,
convert_gptq_v2_to_v1_format_module). Adding in the same way restores both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from app.checkpoint.quantization.parts import PARTS
from app.checkpoint.quantization.scheme import Layout, WeightScheme

#: A one in each field of a word.
_ONES = {4: 0x11111111, 8: 0x01010101}


@dataclass(frozen=True, slots=True)
class StoredIntegers:
    """A weight is scale * (integer - zero point)."""

    integers: Callable[[slice], Tensor]  #: of some rows, uint8 [rows, in]
    zero_points: Tensor  #: uint8 [out, groups]
    scales: Tensor  #: float32 [out, groups]


def read_integers(
    scheme: WeightScheme, shape: tuple[int, int], read: Callable[[str], Tensor]
) -> StoredIntegers:
    """A matrix of `shape` [out, in]. read: gives a tensor by the last part of its name."""
    outputs, parts = shape[0], PARTS[scheme.layout]
    weights, scales = read(parts.weights), read(parts.scales)
    if scheme.layout in (Layout.GPTQ, Layout.GPTQ_V2):
        scales = scales.T
    scales = scales.float().reshape(outputs, -1)
    if scheme.symmetric:
        middle = torch.tensor([[2 ** (scheme.bits - 1)]], dtype=torch.uint8)
        zero_points = middle.expand(scales.shape)
    else:
        zero_points = _zero_points(scheme, outputs, read(parts.zero_points))
    return StoredIntegers(_rows(scheme, shape[1], weights), zero_points, scales)


def _rows(scheme: WeightScheme, inputs: int, weights: Tensor) -> Callable[[slice], Tensor]:
    if scheme.layout is Layout.PLAIN:
        return lambda rows: _unsigned(weights[rows])
    if scheme.layout is Layout.PACKED:
        return lambda rows: _unpack(weights[rows], scheme.bits)[:, :inputs]
    return lambda rows: _unpack(weights[:, rows].T, scheme.bits)[:, :inputs]


def _zero_points(scheme: WeightScheme, outputs: int, stored: Tensor) -> Tensor:
    """[out, groups]; packed ones are along the outputs."""
    if scheme.layout is Layout.PLAIN:
        return _unsigned(stored).reshape(outputs, -1)
    words = stored.T if scheme.layout is Layout.PACKED else stored
    if scheme.layout is Layout.GPTQ:
        words = words + _ONES[scheme.bits]
    return _unpack(words, scheme.bits)[:, :outputs].T.contiguous()


def _unsigned(integers: Tensor) -> Tensor:
    """int8 plus 128, as uint8."""
    return integers.view(torch.uint8) ^ 128


def _unpack(words: Tensor, bits: int) -> Tensor:
    """The fields of int32 [rows, words], uint8 [rows, words * 32 / bits]."""
    octets = words.contiguous().view(torch.uint8)
    if bits == 8:
        return octets
    return torch.stack((octets & 15, octets >> 4), dim=-1).flatten(1)
