"""Reads and checks the header of one GGUF file: metadata, and where its tensors are.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Reads the header only, never
more than `binary_reader.MAX_HEADER_BYTES`; the `gguf` package's own reader would map the file and
allocate what the file says.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.binary_reader import BinaryReader, Value
from app.checkpoint.gguf.tensor_types import TENSOR_TYPES, UNSUPPORTED, TensorType
from app.checkpoint.safe_open import open_file
from app.checkpoint.safetensors_index import MAX_TENSORS, TensorInfo

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_KEYS = 2**14
#: The format's limits.
MAX_KEY_BYTES, MAX_NAME_CHARACTERS, MAX_DIMENSIONS = 2**16 - 1, 64, 4
_DEFAULT_ALIGNMENT, _MAX_ALIGNMENT = 32, 2**16


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """One file's header."""

    path: Path
    metadata: Mapping[str, Value]
    #: By ggml's names. Shapes as in torch, [out, in]: GGUF writes them in reverse.
    tensors: Mapping[str, TensorInfo]
    length: int  #: bytes before the tensors' data


def read_header(path: Path) -> GgufHeader:
    """The header of the file at `path`, checked against the file's size.

    Raises:
        StartupError: it is not a GGUF file, truncated, or malformed; or a tensor has an
            unsupported type.
    """
    with open_file(path) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            reader = BinaryReader(file, path, size)
            tensor_count, key_count = _read_counts(path, reader, file.read(4))
            metadata = _read_metadata(reader, key_count)
            tensors = [_read_tensor(path, reader) for _ in range(tensor_count)]
        except OSError as error:
            raise StartupError(f"{path} cannot be read: {error.strerror}") from None
    data = _aligned(reader.position, _alignment(reader, metadata))
    return GgufHeader(path, metadata, _place(path, reader, tensors, data, size), data)


def _read_counts(path: Path, reader: BinaryReader, magic: bytes) -> tuple[int, int]:
    if magic == b"vers":
        raise StartupError(
            f"{path} is a git-LFS pointer, not the weights: run `git lfs pull` there"
        )
    if magic != MAGIC:
        raise StartupError(f"{path} is not a GGUF file: it begins with {magic!r}")
    reader.position = len(magic)
    version = reader.number("I")
    if version in (number << 24 for number in VERSIONS):
        raise StartupError(f"{path} is a big-endian GGUF file; only little-endian ones are read")
    if version not in VERSIONS:
        raise StartupError(
            f"{path} has GGUF version {version}; supported: {', '.join(map(str, VERSIONS))}"
        )
    tensors, keys = reader.number("Q"), reader.number("Q")
    if tensors > MAX_TENSORS:
        raise reader.malformed(f"it has {tensors:,} tensors; at most {MAX_TENSORS:,}")
    if keys > MAX_KEYS:
        raise reader.malformed(f"it has {keys:,} metadata keys; at most {MAX_KEYS:,}")
    return tensors, keys


def _read_metadata(reader: BinaryReader, count: int) -> dict[str, Value]:
    metadata: dict[str, Value] = {}
    for _ in range(count):
        key = reader.text("a metadata key")
        if not key.isprintable() or len(key) > MAX_KEY_BYTES:
            raise reader.malformed(f"it has the metadata key {key[:40]!r}")
        if key in metadata:
            raise reader.malformed(f"it has the metadata key {key[:80]!r} twice")
        metadata[key] = reader.value(key[:80])
    return metadata


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    kind: TensorType
    shape: tuple[int, ...]
    offset: int  #: from the beginning of the data

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) // self.kind.block_elements * self.kind.block_bytes


def _read_tensor(path: Path, reader: BinaryReader) -> _Entry:
    name = reader.text("a tensor's name")
    if not name.isprintable() or len(name) > MAX_NAME_CHARACTERS:
        raise reader.malformed(f"it has a tensor named {name[:40]!r}")
    dimensions = reader.number("I")
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise reader.malformed(
            f"tensor {name!r} has {dimensions:,} dimensions; 1 to {MAX_DIMENSIONS} are possible"
        )
    shape = tuple(reader.number("Q") for _ in range(dimensions))
    number, offset = reader.number("I"), reader.number("Q")
    if number not in TENSOR_TYPES:
        kinds = ", ".join(kind.name for kind in TENSOR_TYPES.values())
        raise StartupError(
            f"{path}: tensor {name!r} has the type {UNSUPPORTED.get(number, number)}, which is "
            f"not supported; pass a file with {kinds}"
        )
    kind = TENSOR_TYPES[number]
    if not all(shape) or math.prod(shape) >= 2**63:
        raise reader.malformed(f"tensor {name!r} has the shape {list(shape)}")
    if shape[0] % kind.block_elements:
        raise reader.malformed(
            f"rows of tensor {name!r} have {shape[0]} elements, no multiple of the "
            f"{kind.block_elements} in a block of {kind.name}"
        )
    return _Entry(name, kind, shape[::-1], offset)


def _alignment(reader: BinaryReader, metadata: Mapping[str, Value]) -> int:
    value = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if type(value) is not int or not 8 <= value <= _MAX_ALIGNMENT or value % 8:
        raise reader.malformed(f"general.alignment is {str(value)[:40]}")
    return value


def _aligned(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment


def _place(
    path: Path, reader: BinaryReader, entries: list[_Entry], data: int, size: int
) -> dict[str, TensorInfo]:
    """The tensors by name. data: offset of the data in bytes.

    Raises:
        StartupError: two have one name or overlap, or one is beyond the end of the file.
    """
    tensors: dict[str, TensorInfo] = {}
    end = data
    for entry in sorted(entries, key=lambda entry: entry.offset):
        begin = data + entry.offset
        if begin < end:
            raise reader.malformed(f"tensor {entry.name!r} overlaps another one")
        end = begin + entry.size
        if end > size:
            raise StartupError(
                f"{path} is truncated: tensor {entry.name!r} ends at byte {end:,} of {size:,}; "
                "download it again"
            )
        if entry.name in tensors:
            raise reader.malformed(f"it has the tensor {entry.name!r} twice")
        tensors[entry.name] = TensorInfo(path, entry.kind.name, entry.shape, begin, end)
    return tensors
