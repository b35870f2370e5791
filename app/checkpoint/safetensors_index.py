"""Reads the safetensors headers of a model directory: dtype, shape and offsets of each tensor.

Reads a few kilobytes per file, and checks that all tensors are inside the file.
"""

from __future__ import annotations

import math
import os
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.checkpoint.errors import StartupError
from app.checkpoint.json_file import parse_object, read_json
from app.checkpoint.safe_open import MIB, file_exists, open_file

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = ("pytorch_model*.bin", "pytorch_model*.pt", "consolidated.*.pth", "*.bin", "*.pth")

#: The largest published models have about 200 files and 100,000 tensors.
MAX_FILES = 512
MAX_TENSORS = 200_000
MAX_HEADER_BYTES = 32 * MIB
MAX_DIMENSIONS = 8

#: Bytes of one element, by safetensors' dtype names.
DTYPE_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1,
    "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4, "I32": 4, "F32": 4,
    "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor's location. `begin` and `end` are byte offsets from the start of `file`."""

    file: Path
    dtype: str  #: as in the header: "F32", "F16", "BF16", ...; in GGUF also "Q4_K", ...
    shape: tuple[int, ...]
    begin: int
    end: int


def matrix_elements(tensors: Iterable[TensorInfo]) -> Counter[str]:
    """The elements of all matrices, counted by their dtype."""
    elements: Counter[str] = Counter()
    for tensor in tensors:
        if len(tensor.shape) > 1:
            elements[tensor.dtype] += math.prod(tensor.shape)
    return elements


@dataclass(frozen=True, slots=True)
class TensorIndex:
    """All tensors of one model by Hugging Face's names."""

    directory: Path  #: or the GGUF file
    tensors: Mapping[str, TensorInfo]
    #: How the files call a tensor, for error messages.
    stored_name: Callable[[str], str] = str
    described_in: str = "config.json"  #: what the tensors must fit, for error messages

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def __getitem__(self, name: str) -> TensorInfo:
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


def read_index(directory: Path, *, allow_pickle: bool = False) -> TensorIndex:
    """The tensors of `directory`: one model.safetensors, or the shards its index names.

    With `allow_pickle`, a directory of pickles gives an empty index, as their tensors are known
    only when they are loaded.

    Raises:
        StartupError: there are no weights, or only pickles without `allow_pickle`; a file is
            missing, truncated or malformed.
    """
    if file_exists(directory / INDEX):
        return TensorIndex(directory, _read_shards(directory))
    if file_exists(directory / SINGLE):
        return TensorIndex(directory, read_header(directory / SINGLE))
    _check_pickles(directory, allow_pickle)
    return TensorIndex(directory, {})


def _check_pickles(directory: Path, allow_pickle: bool) -> None:
    pickles = [path for glob in PICKLES for path in sorted(directory.glob(glob))]
    if not pickles:
        raise StartupError(f"{directory} holds no weights: neither {SINGLE} nor {INDEX}")
    pickle = pickles[0]
    if not allow_pickle:
        raise StartupError(
            f"{pickle} is refused: pickles run code when they are loaded; pass --allow_pickle "
            f"if you trust its source, or rewrite it once: python wsgi.py convert {directory} OUT"
        )
    for path in pickles:
        file_exists(path)  # raises unless it is a regular file


def _read_shards(directory: Path) -> dict[str, TensorInfo]:
    path = directory / INDEX
    weight_map = read_json(path, MAX_HEADER_BYTES).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise StartupError(f"{path}: weight_map is missing or empty")
    for name, file in weight_map.items():
        if not isinstance(file, str) or not _is_file_name(file):
            raise StartupError(f"{path}: {name!r} is in {file!r}, which is not a file name")
    shards = _read_files(directory, list(dict.fromkeys(weight_map.values())))
    for name, file in weight_map.items():
        if name not in shards[file]:
            raise StartupError(f"{directory / file} lacks {name!r}, which {INDEX} places there")
    return {name: shards[file][name] for name, file in weight_map.items()}


def _is_file_name(text: str) -> bool:
    return text not in ("", "..") and Path(text).name == text and text.isprintable()


def _read_files(directory: Path, files: list[str]) -> dict[str, dict[str, TensorInfo]]:
    """The tensors of each of `files`, which INDEX names."""
    if len(files) > MAX_FILES:
        raise StartupError(f"{directory / INDEX} names {len(files)} files; at most {MAX_FILES}")
    tensors: dict[str, dict[str, TensorInfo]] = {}
    count = 0
    for file in files:
        if not file_exists(directory / file):
            raise StartupError(f"{directory / file} is missing; {INDEX} names it")
        tensors[file] = read_header(directory / file)
        count += len(tensors[file])
        if count > MAX_TENSORS:
            raise StartupError(f"{directory / file}: more than {MAX_TENSORS:,} tensors with it")
    return tensors


def read_header(path: Path) -> dict[str, TensorInfo]:
    """The tensors of one safetensors file, checked against the file's size.

    Raises:
        StartupError: a git-LFS pointer, a truncated file, or a malformed header.
    """
    with open_file(path) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            start = file.read(8)
            length = _header_length(path, start, size)
            raw = file.read(length)
        except OSError as error:
            raise StartupError(f"{path} cannot be read: {error.strerror}") from None
    entries = parse_object(raw, f"{path}: its header")
    entries.pop("__metadata__", None)
    if len(entries) > MAX_TENSORS:
        raise StartupError(f"{path} holds {len(entries):,} tensors; at most {MAX_TENSORS:,}")
    data = 8 + length
    tensors = {name: _tensor(path, name, entry, data) for name, entry in entries.items()}
    _check_layout(path, tensors, data, size)
    return tensors


def _header_length(path: Path, start: bytes, size: int) -> int:
    """Bytes of the header, by the first 8 bytes `start` of a file of `size` bytes."""
    if start == b"version ":
        raise StartupError(
            f"{path} is a git-LFS pointer, not the weights: run `git lfs pull` there"
        )
    if len(start) < 8:
        raise StartupError(f"{path} is truncated: {size} bytes")
    length: int = struct.unpack("<Q", start)[0]
    if length > MAX_HEADER_BYTES:
        raise StartupError(
            f"{path} is not a safetensors file: header of {length} bytes; at most "
            f"{MAX_HEADER_BYTES // MIB} MiB"
        )
    if 8 + length > size:
        raise StartupError(f"{path} is truncated: it ends inside its header")
    return length


def _tensor(path: Path, name: str, entry: Any, data: int) -> TensorInfo:
    """Parse one header entry. data: offset of the file's data section in bytes."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        dimensions = len(shape)
        numbers = [*shape[: MAX_DIMENSIONS + 1], begin, end]
    except (TypeError, KeyError, ValueError):
        raise StartupError(f"{path}: {name!r} has a malformed header entry") from None
    if dimensions > MAX_DIMENSIONS:
        raise StartupError(
            f"{path}: {name!r} has {dimensions:,} dimensions; at most {MAX_DIMENSIONS}"
        )
    if any(type(value) is not int or not 0 <= value < 2**63 for value in numbers):
        raise StartupError(f"{path}: {name!r} has a malformed shape or offset")
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise StartupError(f"{path}: {name!r} has the unknown dtype {dtype!r}")
    elements = 1
    for dimension in shape:
        elements *= dimension
    if end - begin != elements * DTYPE_BYTES[dtype]:
        raise StartupError(
            f"{path}: {name!r} takes {end - begin} bytes, but {dtype} {list(shape)} needs "
            f"{elements * DTYPE_BYTES[dtype]}"
        )
    return TensorInfo(path, dtype, tuple(shape), data + begin, data + end)


def _check_layout(path: Path, tensors: dict[str, TensorInfo], data: int, size: int) -> None:
    """Check that tensors are contiguous, without gaps, and end at the end of the file."""
    position = data
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin != position:
            raise StartupError(f"{path}: {name!r} overlaps another tensor or leaves a gap")
        position = tensor.end
    if position > size:
        raise StartupError(f"{path} is truncated: {size} bytes of {position}; download it again")
    if position < size:
        raise StartupError(f"{path} has {size - position} bytes after its last tensor")
