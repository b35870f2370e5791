"""Opens a GGUF model: one file, or the parts that llama.cpp's gguf-split makes of a large one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.checkpoint.errors import StartupError
from app.checkpoint.gguf.header import MAGIC, GgufHeader, read_header
from app.checkpoint.json_file import Fields
from app.checkpoint.safe_open import open_file
from app.checkpoint.safetensors_index import MAX_FILES, TensorInfo

T = TypeVar("T", str, int, float)
SUFFIX = ".gguf"
_PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")


@dataclass(frozen=True, slots=True)
class GgufFile:
    """A model in GGUF; of several parts the first has the metadata."""

    path: Path  #: the first part
    metadata: Fields
    tensors: Mapping[str, TensorInfo]  #: of all parts, by ggml's names
    header_bytes: int  #: of the first part


def is_gguf(path: Path) -> bool:
    """Whether the file at `path` is meant to be a GGUF file, by its name or its first bytes.

    Raises:
        StartupError: it is not a regular file, or cannot be read.
    """
    with open_file(path) as file:
        return path.suffix.lower() == SUFFIX or file.read(len(MAGIC)) == MAGIC


def model_name(path: Path) -> str:
    """The file's name without its suffix and the number of a part."""
    part = _PART.fullmatch(path.name)
    return part["stem"] if part else path.name.removesuffix(SUFFIX)


def read_gguf(path: Path) -> GgufFile:
    """The model in the file at `path`, of several parts the first.

    Raises:
        StartupError: a part is missing, or not a valid GGUF file; `path` is not the first part.
    """
    first = read_header(path)
    metadata = Fields(dict(first.metadata), str(path))
    headers = [first, *_other_parts(first, metadata)]
    tensors: dict[str, TensorInfo] = {}
    for header in headers:
        for name, tensor in header.tensors.items():
            if name in tensors:
                raise StartupError(f"{header.path} has the tensor {name!r} of another part again")
            tensors[name] = tensor
    expected = metadata.integer("split.tensors.count", len(tensors), minimum=0)
    if expected != len(tensors):
        raise StartupError(f"{path}: its parts have {len(tensors)} tensors, not {expected}")
    return GgufFile(path, metadata, tensors, first.length)


def _other_parts(first: GgufHeader, metadata: Fields) -> list[GgufHeader]:
    count = metadata.integer("split.count", 1, minimum=0, maximum=MAX_FILES)
    number = metadata.integer("split.no", 0, minimum=0, maximum=MAX_FILES)
    part = _PART.fullmatch(first.path.name)
    if count <= 1:
        return []
    if part is None or int(part["count"]) != count:
        raise StartupError(
            f"{first.path} is one of {count} parts, and must be named as "
            f"NAME-00001-of-{count:05}.gguf for the others to be found"
        )
    if number:
        name = _part_name(part["stem"], 0, count)
        raise StartupError(f"{first.path} is not the first part of its model: pass {name}")
    others = []
    for index in range(1, count):
        path = first.path.with_name(_part_name(part["stem"], index, count))
        header = read_header(path)
        if header.metadata.get("split.no") != index or header.metadata.get("split.count") != count:
            raise StartupError(f"{path} is not part {index + 1} of {count} of {first.path}")
        others.append(header)
    return others


def _part_name(stem: str, index: int, count: int) -> str:
    return f"{stem}-{index + 1:05}-of-{count:05}.gguf"


def array_of(fields: Fields, key: str, kind: type[T]) -> list[T]:
    """The array `key` of the metadata; [] if there is none.

    Raises:
        StartupError: it is not an array of `kind`, or a number is not finite.
    """
    value = fields.values.get(key)
    if value is None:
        return []
    elements = [] if isinstance(value, (str, int, float)) else list(value)
    if kind is float:
        elements = [float(each) if type(each) is int else each for each in elements]
    wrong = any(type(each) is not kind for each in elements)
    if wrong or (kind is float and not all(map(math.isfinite, elements))) or not elements:
        raise fields.invalid(key, f"an array of {kind.__name__}")
    return elements
