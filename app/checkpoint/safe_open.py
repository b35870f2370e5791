"""Opens files of a model directory: regular files only, without blocking, with a size limit.

A downloaded directory may contain a pipe, a device or an endless file: none of them may block the
start or exhaust the memory.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from app.checkpoint.errors import StartupError

MIB = 2**20
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def file_exists(path: Path) -> bool:
    """Whether `path` is a regular file or a link to one; False if it does not exist.

    Raises:
        StartupError: it is anything else, or cannot be examined.
    """
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    try:
        mode = path.stat().st_mode if stat.S_ISLNK(status.st_mode) else status.st_mode
    except FileNotFoundError:
        raise StartupError(f"{path} is a link to a file that is not there") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    _check_kind(path, mode)
    return True


def open_file(path: Path) -> BinaryIO:
    """`path`, open for reading.

    Raises:
        StartupError: it is missing, not a regular file, or not readable.
    """
    if not file_exists(path):
        raise StartupError(f"{path} is missing")
    try:
        # O_NONBLOCK: does not block even if the file is replaced by a pipe at this moment.
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        _check_kind(path, os.fstat(file.fileno()).st_mode)
    except StartupError:
        file.close()
        raise
    return file


def read_file(path: Path, limit: int) -> bytes:
    """The contents of `path`, at most `limit` bytes.

    Raises:
        StartupError: as `open_file`, or the file is larger.
    """
    with open_file(path) as file:
        try:
            # A file whose size is too large is not read at all. Files without a size, as under
            # /proc, are read up to the limit.
            if os.fstat(file.fileno()).st_size <= limit:
                raw = file.read(limit + 1)
                if len(raw) <= limit:
                    return raw
        except OSError as error:
            raise _unreadable(path, error) from None
    raise StartupError(f"{path} is over {limit // MIB} MiB, the most that such a file may have")


def read_text(path: Path, limit: int) -> str:
    """The text of `path`, at most `limit` bytes.

    Raises:
        StartupError: as `read_file`, or it is not UTF-8.
    """
    try:
        return read_file(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StartupError(f"{path} is not UTF-8: {error.reason}") from None


def _check_kind(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        what = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
        raise StartupError(f"{path} is {what} where a file should be")


def _unreadable(path: Path, error: OSError | ValueError) -> StartupError:
    return StartupError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")
