"""Named tensors in a safetensors file, with a checksum of everything in it.

The file is mapped, not read: processes share its pages. Checksums are XXH3, which is as fast as
memory: they find damage, not forgery, for which the directory's mode is there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from xxhash import xxh3_128_hexdigest

from app.model.loading.progress import Report

_DESCRIPTION, _CHECKSUM = "description", "checksum"


class DamagedFileError(ValueError):
    """The file is not as it was written; the message says where."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write contiguous tensors, and `facts`, which must be JSON.

    Raises:
        OSError: the file cannot be written.
    """
    description = json.dumps({"facts": facts, "tensors": _describe(tensors)})
    metadata = {_DESCRIPTION: description, _CHECKSUM: xxh3_128_hexdigest(description.encode())}
    try:
        save_file(dict(tensors), path, metadata)
    except SafetensorError as error:
        raise OSError(str(error)) from error
    path.chmod(0o600)


def map_tensors(path: Path, report: Report) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the facts of a file that `write_tensors` wrote.

    Raises:
        DamagedFileError: anything in it differs from what was written.
        OSError: the file cannot be read.
    """
    _read_ahead(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except SafetensorError as error:
        raise DamagedFileError(str(error)) from error
    description = metadata.get(_DESCRIPTION, "")
    if not description or xxh3_128_hexdigest(description.encode()) != metadata.get(_CHECKSUM):
        raise DamagedFileError("its description")
    written = json.loads(description)
    found = _describe(tensors, report)
    if found != written["tensors"]:
        raise DamagedFileError(", ".join(sorted(_differing(found, written["tensors"]))[:3]))
    return tensors, written["facts"]


def _read_ahead(path: Path) -> None:
    """Let the system read all of the file now, in order: the checksums need it."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def _describe(
    tensors: Mapping[str, Tensor], report: Report = lambda done, total: None
) -> dict[str, list[Any]]:
    """dtype, shape and checksum of each tensor, on torch.get_num_threads() threads."""
    total = sum(tensor.nbytes for tensor in tensors.values())
    described, done = {}, 0
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for name, checksum in zip(tensors, pool.map(_checksum, tensors.values()), strict=True):
            tensor = tensors[name]
            kind = str(tensor.dtype).removeprefix("torch.")
            described[name] = [kind, list(tensor.shape), checksum]
            done += tensor.nbytes
            report(done, total)
    return described


def _checksum(tensor: Tensor) -> str:
    bytes_of: np.ndarray[Any, Any] = tensor.view(-1).view(torch.uint8).numpy()
    return xxh3_128_hexdigest(bytes_of.data)


def _differing(found: Mapping[str, Any], written: Mapping[str, Any]) -> set[str]:
    names = found.keys() | written.keys()
    return {name for name in names if found.get(name) != written.get(name)}
