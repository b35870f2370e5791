"""Reads ggml blocks that are 8-bit integers, or fewer bits, times a float16 scale per 32 inputs.

They have the groups of our 8-bit panels, so they are packed without rounding. Types with a minimum
or with scales of 16 inputs are not such.
"""

from __future__ import annotations

import numpy as np

Bytes = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Integers = np.ndarray[tuple[int, ...], np.dtype[np.int8]]
Scales = np.ndarray[tuple[int, ...], np.dtype[np.float16]]

_GROUP = 32
_SCALE_BYTES = 2


def to_int8_groups(raw: Bytes, kind: str) -> tuple[Integers, Scales]:
    """The integers [rows, in] and the scales [rows, in / 32] of rows [rows, bytes] of a type in
    INT8_TYPES."""
    block_bytes, read = _READERS[kind]
    blocks = raw.reshape(len(raw), -1, block_bytes)
    scales = np.ascontiguousarray(blocks[..., :_SCALE_BYTES]).view(np.float16)[..., 0]
    values = read(blocks[..., _SCALE_BYTES:])
    return np.ascontiguousarray(values).reshape(len(raw), -1), scales


def _q8_0(data: Bytes) -> Integers:
    values: Integers = data.view(np.int8)
    return values


def _q4_0(data: Bytes) -> Integers:
    """Four bits each, less 8; the low halves are the first 16 elements."""
    values: Integers = np.concatenate((data & 15, data >> 4), axis=-1).view(np.int8) - np.int8(8)
    return values


def _q5_0(data: Bytes) -> Integers:
    """As Q4_0, with a fifth bit for each element in front, less 16."""
    bits = np.unpackbits(data[..., :4], axis=-1, bitorder="little")
    low = np.concatenate((data[..., 4:] & 15, data[..., 4:] >> 4), axis=-1)
    values: Integers = (low | bits << 4).view(np.int8) - np.int8(16)
    return values


#: Bytes of a block, and what reads its integers.
_READERS = {"Q8_0": (34, _q8_0), "Q4_0": (18, _q4_0), "Q5_0": (22, _q5_0)}
INT8_TYPES = frozenset(_READERS)
#: Those whose integers are from -8 to 7.
INT4_TYPES = frozenset({"Q4_0"})
