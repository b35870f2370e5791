"""The directory of `--cache_dir`: a file for each model, and at most KEPT of them.

Files are complete when they get their name, so servers that start at the same time do not see each
other's. One that another server deletes stays readable where it is mapped.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.checkpoint.cache_dir import written_by_owner_alone

#: Most files; those used last are kept.
KEPT = 4
_ENDING, _PARTIAL = ".safetensors", ".partial"
#: A file that was last written so long ago is left over from a server that was killed.
_ABANDONED_AFTER_S = 3600.0


class CacheDir:
    """The files in one directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def file(self, key: str) -> Path:
        """The path of a key's file, which need not exist."""
        return self.path / (key + _ENDING)

    def find(self, key: str) -> Path | None:
        """A key's file, now the last used; None if there is none that this user wrote."""
        path = self.file(key)
        try:
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode) or not written_by_owner_alone(status):
                return None
            with contextlib.suppress(OSError):  # a read-only directory
                os.utime(path)
        except OSError:
            return None
        return path

    @contextmanager
    def new_file(self, key: str, size: int) -> Iterator[Path]:
        """A file to write, of mode 0600, which becomes the key's at the end; without it, no file
        is left. size: in bytes, about.

        Raises:
            OSError: the directory cannot be written, or is full.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(_PARTIAL, dir=self.path)
        os.close(descriptor)
        partial = Path(name)
        try:
            self._make_room(self.file(key), _modified(partial))
            if shutil.disk_usage(self.path).free < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            yield partial
            partial.replace(self.file(key))
        finally:
            partial.unlink(missing_ok=True)

    def _make_room(self, new: Path, now: float) -> None:
        """Delete what is abandoned, and the files that were used longest ago, so that `new` is
        one of KEPT. now: by the clock of the file system."""
        for path in self.path.glob("*" + _PARTIAL):
            if now - _modified(path) > _ABANDONED_AFTER_S:
                path.unlink(missing_ok=True)
        files = [path for path in self.path.glob("*" + _ENDING) if path != new]
        for path in sorted(files, key=_modified, reverse=True)[KEPT - 1 :]:
            path.unlink(missing_ok=True)


def _modified(path: Path) -> float:
    """Seconds since the epoch; endless for a file that has gone meanwhile."""
    try:
        return path.lstat().st_mtime
    except OSError:
        return float("inf")
