"""Reads a GGUF header's numbers, strings and arrays, with limits on size and count.

Every length is compared with what is left of the file before anything is allocated.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from app.checkpoint.errors import StartupError
from app.checkpoint.safe_open import MIB

#: Most bytes of a header: five times the largest known one, which has 262,144 tokens.
MAX_HEADER_BYTES = 64 * MIB
#: Elements of all arrays together; each string takes about 60 bytes besides its text.
MAX_ELEMENTS = 2**21 + 2**20
_STRING, _ARRAY = 8, 9
#: Formats of the struct module by GGUF's value types.
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q",
            12: "d"}  # fmt: skip

_FLOAT32_MAX = 3.4028234e38
#: A value of the metadata.
Value = int | float | bool | str | Sequence[int] | Sequence[float] | Sequence[str]


class BinaryReader:
    """A cursor over the beginning of an open GGUF file."""

    def __init__(self, file: BinaryIO, path: Path, size: int) -> None:
        """size: of the file in bytes."""
        self._file, self._path, self._size = file, path, size
        self.position = 0
        self._elements = 0

    def number(self, code: str) -> int:
        """A whole number with a format of the struct module. Raises StartupError."""
        raw = self._take(struct.calcsize(f"<{code}"), "a number")
        value: int = struct.unpack(f"<{code}", raw)[0]
        return value

    def text(self, what: str) -> str:
        """A string of UTF-8. `what` names it in errors. Raises StartupError."""
        raw = self._take(self.number("Q"), what)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise self.malformed(f"{what} is not UTF-8: {raw[:40]!r}") from None

    def value(self, key: str) -> Value:
        """The type and the value of the metadata's `key`. Raises StartupError."""
        kind = self.number("I")
        if kind == _STRING:
            return self.text(key)
        if kind == _ARRAY:
            return self._array(key)
        code = self._code(kind, key)
        value: float = struct.unpack(f"<{code}", self._take(struct.calcsize(code), key))[0]
        return _shortest(value) if code == "f" else value

    def malformed(self, reason: str) -> StartupError:
        """The error for a file that breaks the format."""
        return StartupError(f"{self._path} is not a valid GGUF file: {reason}")

    def _array(self, key: str) -> Value:
        kind, count = self.number("I"), self.number("Q")
        self._elements += count
        if self._elements > MAX_ELEMENTS:
            raise self.malformed(f"its arrays have more than {MAX_ELEMENTS:,} elements, in {key}")
        if kind == _STRING:
            return tuple(self.text(key) for _ in range(count))
        if kind == _ARRAY:
            raise self.malformed(f"{key} is an array of arrays")
        code = self._code(kind, key)
        values = array("B" if code == "?" else code, self._take(count * struct.calcsize(code), key))
        if sys.byteorder == "big":
            values.byteswap()
        return values

    def _code(self, kind: int, key: str) -> str:
        if kind not in _NUMBERS:
            raise self.malformed(f"{key} has the unknown type {kind}")
        return _NUMBERS[kind]

    def _take(self, count: int, what: str) -> bytes:
        end = self.position + count
        if end > self._size:
            raise StartupError(
                f"{self._path} is truncated or damaged: it ends inside {what} (byte {end:,} of "
                f"{self._size:,}); download it again"
            )
        if end > MAX_HEADER_BYTES:
            raise self.malformed(f"its header takes more than {MAX_HEADER_BYTES // MIB} MiB")
        self.position = end
        raw = self._file.read(count)
        if len(raw) < count:
            raise StartupError(f"{self._path} changes while it is read")
        return raw


def _shortest(value: float) -> float:
    """The shortest decimal number that is `value` in float32: 1e-05 instead of 9.99999975e-06, as
    in the config that the file was made from."""
    for digits in range(6, 10):
        decimal = float(f"{value:.{digits}g}")
        if abs(decimal) < _FLOAT32_MAX and struct.pack("<f", decimal) == struct.pack("<f", value):
            return decimal
    return value  # infinite or NaN
