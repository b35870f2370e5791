"""Values of small tensors in a safetensors file, without torch."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from app.checkpoint.errors import StartupError
from app.checkpoint.safe_open import MIB, open_file
from app.checkpoint.safetensors_index import TensorInfo

_FORMATS = {"I32": "i", "I64": "q"}


def integers(tensor: TensorInfo) -> tuple[int, ...]:
    """All values of a small tensor of I32 or I64."""
    return unpacked(tensor, b"".join(chunks(tensor)))


def all_zero(tensor: TensorInfo) -> bool:
    """Whether all bits are zero."""
    return not any(chunk.strip(b"\0") for chunk in chunks(tensor))


def packed(tensor: TensorInfo, value: int) -> bytes:
    """`value` as the bytes of an element of I32 or I64."""
    return struct.pack(f"<{_FORMATS[tensor.dtype]}", value)


def unpacked(tensor: TensorInfo, raw: bytes) -> tuple[int, ...]:
    """The elements of I32 or I64 in `raw`."""
    form = _FORMATS[tensor.dtype]
    return struct.unpack(f"<{len(raw) // struct.calcsize(form)}{form}", raw)


def chunks(tensor: TensorInfo) -> Iterator[bytes]:
    """The bytes of a tensor, a part at a time.

    Raises:
        StartupError: the file cannot be read.
    """
    try:
        with open_file(tensor.file) as file:
            file.seek(tensor.begin)
            left = tensor.end - tensor.begin
            while left:
                chunk = file.read(min(left, MIB // 8))
                if not chunk:
                    raise StartupError(f"{tensor.file} became shorter while it was read")
                left -= len(chunk)
                yield chunk
    except OSError as error:
        raise StartupError(f"{tensor.file} cannot be read: {error.strerror}") from None
