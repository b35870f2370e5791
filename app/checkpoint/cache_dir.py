"""Checks the directory of `--cache_dir`: nobody else may write what the server will map."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from app.checkpoint.errors import StartupError

WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def check_cache_dir(path: Path) -> None:
    """Check the directory; one that is missing is made when the weights are loaded.

    Raises:
        StartupError: it is no directory, belongs to another user, or others can write to it.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StartupError(f"--cache_dir {path} cannot be examined: {reason}") from None
    if not stat.S_ISDIR(status.st_mode):
        raise StartupError(f"--cache_dir {path} is not a directory")
    if not written_by_owner_alone(status):
        raise StartupError(
            f"--cache_dir {path} can be written by other users, who could replace the model's "
            "weights: pass a directory of this user with mode 0700"
        )


def written_by_owner_alone(status: os.stat_result) -> bool:
    """Whether a file or directory is this user's, or root's, and nobody else can write to it."""
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & WRITABLE_BY_OTHERS
