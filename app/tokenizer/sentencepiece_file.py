"""Checks that a `tokenizer.model` is complete, by walking over its records.

The format is a protobuf message of length-delimited fields: pieces, then the settings of the
trainer and the normalizer. sentencepiece would read a truncated file as another vocabulary.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from app.checkpoint.errors import StartupError
from app.checkpoint.safe_open import MIB, read_file
from app.checkpoint.vocabulary import MAX_TOKENS
from app.tokenizer.config_files import MAX_TOKEN_CHARACTERS

#: Five times the size of the largest known model, which has 262,144 pieces.
MAX_BYTES = 32 * MIB
_PIECE, _TRAINER, _NORMALIZER = 1, 2, 3  #: protobuf field numbers
_LENGTH_DELIMITED = 2  #: the only wire type at the top level of this format
#: Bytes of a piece without its text: a score and a type.
_PIECE_OVERHEAD = 64


def read_model(path: Path) -> bytes:
    """The bytes of a complete sentencepiece model.

    Raises:
        StartupError: the file is not a sentencepiece model, truncated, or too large.
    """
    raw = read_file(path, MAX_BYTES)
    check_model(raw, path)
    return raw


def check_model(raw: bytes, path: Path) -> None:
    """Raise StartupError unless `raw` from the file at `path` is a complete sentencepiece model."""
    try:
        counts = _count_records(raw)
    except ValueError as error:
        raise StartupError(f"{path} is not a sentencepiece model: {error}") from None
    # A file that ends between two records is valid protobuf, but lacks the last ones.
    if not (counts[_PIECE] and counts[_TRAINER] and counts[_NORMALIZER]):
        raise StartupError(
            f"{path} is not a sentencepiece model, or cut off: it lacks pieces or settings"
        )
    if counts[_PIECE] > MAX_TOKENS:
        raise StartupError(f"{path} has {counts[_PIECE]:,} pieces; at most {MAX_TOKENS:,}")


def _count_records(raw: bytes) -> Counter[int]:
    """The number of records by field number."""
    counts: Counter[int] = Counter()
    position = 0
    while position < len(raw):
        tag, position = _read_varint(raw, position)
        if tag & 7 != _LENGTH_DELIMITED:
            raise ValueError(f"byte {position} begins no record")
        length, position = _read_varint(raw, position)
        if position + length > len(raw):
            raise ValueError(f"it ends inside a record of {length} bytes")
        if tag >> 3 == _PIECE and length > 4 * MAX_TOKEN_CHARACTERS + _PIECE_OVERHEAD:
            raise ValueError(f"a piece takes {length} bytes; at most {4 * MAX_TOKEN_CHARACTERS}")
        counts[tag >> 3] += 1
        position += length
    return counts


def _read_varint(raw: bytes, position: int) -> tuple[int, int]:
    """A protobuf varint, and the position after it."""
    value = 0
    for shift in range(0, 35, 7):
        if position >= len(raw):
            raise ValueError("it ends inside a number")
        value |= (raw[position] & 0x7F) << shift
        position += 1
        if raw[position - 1] < 0x80:
            return value, position
    raise ValueError(f"byte {position} goes on with a number that is too large")
