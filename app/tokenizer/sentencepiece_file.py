"""Whether a `tokenizer.model` is whole: its records, one after the other, without sentencepiece.

Knows nothing about what a record holds. The format is a protobuf message: pieces, then the
settings of training and normalizing, each with its length before it.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from app.checkpoint.errors import StartupError
from app.checkpoint.safe_open import MIB, read_file
from app.checkpoint.vocabulary import MAX_TOKENS
from app.tokenizer.config_files import MAX_TOKEN_CHARACTERS

#: Five times the largest there is, of 262,144 pieces with their scores.
MAX_BYTES = 32 * MIB
_PIECE, _TRAINER, _NORMALIZER = 1, 2, 3
_LENGTH_BEFORE = 2  #: the only wire type that this format's outermost records have
#: A piece beside its text: a score and a type.
_PIECE_OVERHEAD = 64


def read_model(path: Path) -> bytes:
    """The bytes of a whole model.

    Raises:
        StartupError: it is no such file, or cut off, or too large.
    """
    raw = read_file(path, MAX_BYTES)
    try:
        found = _count(raw)
    except ValueError as error:
        raise StartupError(f"{path} is not a sentencepiece model: {error}") from None
    # Cut off between two records it would still be read, as another vocabulary.
    if not (found[_PIECE] and found[_TRAINER] and found[_NORMALIZER]):
        raise StartupError(
            f"{path} is not a sentencepiece model, or cut off: it lacks pieces or settings"
        )
    if found[_PIECE] > MAX_TOKENS:
        raise StartupError(f"{path} has {found[_PIECE]:,} pieces; at most {MAX_TOKENS:,}")
    return raw


def _count(raw: bytes) -> Counter[int]:
    """How many records there are of each field."""
    found: Counter[int] = Counter()
    position = 0
    while position < len(raw):
        tag, position = _number(raw, position)
        if tag & 7 != _LENGTH_BEFORE:
            raise ValueError(f"byte {position} begins no record")
        length, position = _number(raw, position)
        if position + length > len(raw):
            raise ValueError(f"it ends inside a record of {length} bytes")
        if tag >> 3 == _PIECE and length > 4 * MAX_TOKEN_CHARACTERS + _PIECE_OVERHEAD:
            raise ValueError(f"a piece takes {length} bytes; at most {4 * MAX_TOKEN_CHARACTERS}")
        found[tag >> 3] += 1
        position += length
    return found


def _number(raw: bytes, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value = 0
    for shift in range(0, 35, 7):
        if position >= len(raw):
            raise ValueError("it ends inside a number")
        value |= (raw[position] & 0x7F) << shift
        position += 1
        if raw[position - 1] < 0x80:
            return value, position
    raise ValueError(f"byte {position} goes on with a number that is too large")
