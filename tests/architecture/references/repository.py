"""What this repository has that documents name: files, flags, variables, make's targets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from app.server.arguments import CHECK
from app.settings.setting import settings_by_group
from config import Config
from tests.architecture.references.python_names import ROOT

#: Other programs' flags that are named without their program, and whose they are.
OTHERS_FLAGS = {"access_logfile": "gunicorn"}
_OPTION = re.compile(r"add_?(?:argument|option)\(\s*\"--([\w-]+)")
_COMMENT = re.compile(r'#[^\n]*|""".*?"""', re.S)
_TARGET = re.compile(r"^([a-z][\w-]*):(?!=)", re.M)


def files() -> tuple[Path, ...]:
    """All files, relative to the root, without those that git ignores or that begin with a dot."""
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    return tuple(path.relative_to(ROOT) for path in _walk(ROOT, ignored))


def _walk(folder: Path, ignored: set[str]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in ignored:
            continue
        if path.is_dir():
            yield from _walk(path, ignored)
        else:
            yield path


def setting_names() -> set[str]:
    """The names of all settings, in capitals."""
    return {one.name for group in settings_by_group(Config).values() for one in group}


def flags() -> set[str]:
    """Those of the server and of the repository's programs, with underscores."""
    found = {name.lower() for name in setting_names()} | {CHECK.lower(), "help", "version"}
    found |= set(OTHERS_FLAGS)
    for path in files():
        if path.suffix == ".py":
            options = _OPTION.findall((ROOT / path).read_text(encoding="utf-8"))
            found |= {option.replace("-", "_") for option in options}
    return found


def make_targets() -> set[str]:
    """The words after `make`."""
    return set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))


def comments(path: Path) -> str:
    """The comments and docstrings of a Python file, by pattern: tokenizing takes seconds. All of
    another file."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return "\n".join(_COMMENT.findall(text)) if path.suffix == ".py" else text
