"""Reads names, dtypes and shapes of the tensors in a torch pickle, without torch or the data.

The unpickler resolves only the names on a short allow-list, to stand-ins; any other name is an
error, so no code of the file runs.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

from app.checkpoint.errors import StartupError
from app.checkpoint.json_file import MAX_JSON_BYTES
from app.checkpoint.safe_open import open_file
from app.checkpoint.safetensors_index import TensorInfo

_DTYPES = {"FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16",
           "DoubleStorage": "F64", "LongStorage": "I64", "IntStorage": "I32",
           "ByteStorage": "U8", "BoolStorage": "BOOL"}  # fmt: skip


def read_pickle_header(path: Path) -> dict[str, TensorInfo]:
    """The tensors of a file that `torch.save` wrote; their offsets are 0.

    Raises:
        StartupError: it is not such a file, or contains anything else than named tensors.
    """
    try:
        with open_file(path) as source, zipfile.ZipFile(source) as archive:
            name = next((n for n in archive.namelist() if n.endswith("/data.pkl")), "data.pkl")
            if archive.getinfo(name).file_size > MAX_JSON_BYTES:
                raise StartupError(f"{path} is not a table of tensors: its index is too large")
            with archive.open(name) as file:
                table = _Unpickler(file).load()
    except StartupError:
        raise
    except _Code as error:
        raise StartupError(f"{path} is refused: it holds {error}, not only tensors") from None
    except Exception as error:  # a malformed pickle may raise any exception
        raise StartupError(
            f"{path} cannot be read as a torch pickle ({type(error).__name__})"
        ) from None
    if not isinstance(table, dict):
        raise StartupError(f"{path} is not a dict of tensors")
    tensors = {}
    for key, value in table.items():
        if not (isinstance(key, str) and isinstance(value, _Tensor)):
            raise StartupError(f"{path}: {str(key)[:80]!r} is not a tensor")
        tensors[key] = TensorInfo(path, value.dtype, value.shape, 0, 0)
    return tensors


class _Code(Exception):
    """The pickle names a function that is not on the allow-list."""


class _Tensor:
    def __init__(self, dtype: str, shape: tuple[int, ...]) -> None:
        self.dtype, self.shape = dtype, shape


def _rebuild_tensor(dtype: str, offset: int, size: Any, *rest: object) -> _Tensor:
    return _Tensor(dtype, tuple(int(each) for each in size))


def _rebuild_parameter(data: _Tensor, *rest: object) -> _Tensor:
    return data


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name == "_rebuild_tensor_v2":
            return _rebuild_tensor
        if module == "torch._utils" and name == "_rebuild_parameter":
            return _rebuild_parameter
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise _Code(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> str:
        """A storage; only its dtype is used."""
        return str(pid[1])
