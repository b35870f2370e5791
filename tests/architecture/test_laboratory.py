"""Who may import the folders beside the server: its own code and tests import none of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_OURS = {"build"}  # made, not written
#: Top-level package -> paths whose files may import it.
IMPORTED_BY = {
    "training": ("training/", "tests/training/"),
    "benchmarks": ("benchmarks/", "tests/benchmarks/"),
    "tests": ("tests/", "benchmarks/"),
}


def files() -> Iterator[Path]:
    """All Python files of the repository, but none in .venv or build."""
    yield from ROOT.glob("*.py")
    for folder in ROOT.iterdir():
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in NOT_OURS:
            yield from folder.rglob("*.py")


def imported(path: Path) -> set[str]:
    """The top-level packages a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    return {path.relative_to(ROOT).as_posix(): imported(path) for path in files()}


@pytest.mark.parametrize("package", IMPORTED_BY)
def test_imported_only_by(package: str, imports: dict[str, set[str]]) -> None:
    importing = {name for name, packages in imports.items() if package in packages}
    assert importing, f"nothing imports {package}: is the name still right?"
    assert {name for name in importing if not name.startswith(IMPORTED_BY[package])} == set()
