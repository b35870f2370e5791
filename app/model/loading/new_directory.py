"""A directory that appears when it is complete."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.checkpoint.errors import StartupError

_COPIED_SUFFIXES = (".json", ".jinja", ".model", ".txt", ".md")


@contextmanager
def new_directory(target: Path) -> Iterator[Path]:
    """A directory to write into, which is renamed to `target` at the end, and removed on an error.

    Raises:
        StartupError: `target` exists already, or cannot be written.
    """
    if target.exists():
        raise StartupError(f"{target} exists already: pass the name of a new directory")
    partial = target.with_name(target.name + ".partial")
    if partial.exists():
        raise StartupError(f"{partial} is left over from an earlier conversion: remove it first")
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.rename(target)
    except OSError as error:
        raise StartupError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def copy_descriptions(source: Path, target: Path, *, without: Collection[str]) -> None:
    """Copy configuration, tokenizer, licence and model card, but for the files `without`."""
    for path in sorted(source.iterdir()):
        wanted = path.suffix in _COPIED_SUFFIXES or path.name.upper().startswith("LICENSE")
        if path.is_file() and wanted and path.name not in without:
            shutil.copyfile(path, target / path.name)
