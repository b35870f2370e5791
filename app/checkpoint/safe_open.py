"""Opens the files of a model directory: regular ones only, without waiting, up to a size.

Knows nothing about what they hold. A directory that somebody else made may have a pipe, a device
or a file without end where a file should be: none of them may hang or fill a start.
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


def is_there(path: Path) -> bool:
    """True when `path` is a regular file, or a link to one; False when there is nothing.

    Raises:
        StartupError: there is something else.
    """
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    try:
        mode = path.stat().st_mode if stat.S_ISLNK(found.st_mode) else found.st_mode
    except FileNotFoundError:
        raise StartupError(f"{path} is a link to a file that is not there") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    _check_kind(path, mode)
    return True


def open_file(path: Path) -> BinaryIO:
    """`path`, open for reading.

    Raises:
        StartupError: it is missing, no regular file, or may not be read.
    """
    if not is_there(path):
        raise StartupError(f"{path} is missing")
    try:
        # Whatever takes the file's place in this moment, opening it does not wait.
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
    """All of `path`, which may hold `limit` bytes.

    Raises:
        StartupError: as `open_file`, or it is larger.
    """
    with open_file(path) as file:
        try:
            # The size is asked for first: nothing of a file that is too large is read. What has
            # no size of its own, as under /proc, is read up to the limit.
            if os.fstat(file.fileno()).st_size <= limit:
                raw = file.read(limit + 1)
                if len(raw) <= limit:
                    return raw
        except OSError as error:
            raise _unreadable(path, error) from None
    raise StartupError(f"{path} is over {limit // MIB} MiB, the most that such a file may have")


def read_text(path: Path, limit: int) -> str:
    """As `read_file`, the text in it.

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
