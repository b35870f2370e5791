"""The folders of app/: what each holds and what it imports, for ARCHITECTURE.md and the READMEs.

What a folder holds is the first line of its docstring.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
APP = ROOT / "app"
_TABLE = "| folder | what it holds | imports from app | libraries |\n|---|---|---|---|\n"


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder of app/, with the folders below it."""

    path: str  #: such as "app/model/sampling/"
    summary: str
    imports: tuple[str, ...]  #: folders and modules directly in app/, and config.py, by name
    libraries: tuple[str, ...]  #: packages that are neither ours nor Python's

    @property
    def depth(self) -> int:
        """1 directly below app/."""
        return self.path.count("/") - 1


@cache
def folders() -> tuple[Folder, ...]:
    """Every package below app/, parents before their children. The folders of the API's routes
    are all alike: one line tells of them, so that a new route changes no document."""
    packages = sorted(path.parent for path in APP.rglob("__init__.py") if path.parent != APP)
    return tuple(_folder(path) for path in packages if path.parent != APP / "api")


def _folder(package: Path) -> Folder:
    modules = {name for path in package.rglob("*.py") for name in _imported(path)}
    ours = {name.split(".")[1] for name in modules if name.startswith("app.")} & _in_app()
    ours |= {"config"} & modules
    others = {name.split(".")[0] for name in modules} - {"app", "config"} - sys.stdlib_module_names
    others.discard("_typeshed")  # a name for type checkers only
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))
    assert docstring, f"{package}/__init__.py says nothing about the folder"
    return Folder(
        path=f"{package.relative_to(ROOT)}/",
        summary=docstring.splitlines()[0].removesuffix("."),
        imports=tuple(sorted(ours - {package.relative_to(APP).parts[0]})),
        libraries=tuple(sorted(others)),
    )


def _in_app() -> set[str]:
    return {path.stem for path in APP.iterdir() if path.is_dir() or path.suffix == ".py"}


def _imported(path: Path) -> Iterator[str]:
    """The full names of what a file imports, inside functions and for types only too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield node.module


def table() -> str:
    """Every folder with its imports, as a markdown table."""
    rows = [
        f"| `{folder.path}` | {folder.summary} | {', '.join(folder.imports)} "
        f"| {', '.join(folder.libraries)} |\n"
        for folder in folders()
    ]
    return _TABLE + "".join(rows)


def tree() -> str:
    """The folders directly below app/ as a block of text, a line for each."""
    top = [folder for folder in folders() if folder.depth == 1]
    names = [folder.path.removeprefix("app/") for folder in top]
    width = max(map(len, names))
    lines = [
        f"  {name:{width}}  {folder.summary}\n" for name, folder in zip(names, top, strict=True)
    ]
    return "```\napp/\n" + "".join(lines) + "```\n"
