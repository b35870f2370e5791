"""Who imports whom: HTTP without torch, the directions that pyproject.toml draws, and the folders
beside the server, which neither its code nor its tests import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD_OUTPUT = {"build"}
#: Top-level package -> paths whose files may import it.
IMPORTED_BY = {
    "training": ("training/", "tests/training/"),
    "benchmarks": ("benchmarks/", "tests/benchmarks/"),
    "tests": ("tests/", "benchmarks/"),
}

#: Modules of the engine that HTTP may import besides `app.engine` itself.
ENGINE_INTERFACE = {
    "errors",
    "events",
    "model_info",
    "request",
    "request_handle",
    "stats",
    "token_ids",
}
HTTP = ("api", "assets", "connection", "generation", "middleware", "openapi", "playground")
HTTP += ("protocol", "translations")

SERVE_WITHOUT_A_MODEL = """
import sys
from app import create_app
from config import Config
from tests.fakes import ScriptedEngine

client = create_app(Config(), ScriptedEngine()).test_client()
assert client.post("/v1/completions", json={"prompt": "a"}).status_code == 200
assert client.post("/v1/chat/completions", json={"messages": "a"}).status_code == 200
assert client.post("/v1/embeddings", json={"input": "a"}).status_code == 200
assert client.get("/").status_code == 200
heavy = {"torch", "transformers", "peft", "accelerate", "numpy", "sentencepiece"} & set(sys.modules)
assert not heavy, heavy
"""


def test_http_needs_no_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVE_WITHOUT_A_MODEL], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_directions() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def files() -> Iterator[Path]:
    """All Python files of the repository, but none in .venv or build."""
    yield from ROOT.glob("*.py")
    for folder in ROOT.iterdir():
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in BUILD_OUTPUT:
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


def test_http_imports_the_engines_interface_only() -> None:
    paths = [path for folder in HTTP for path in (ROOT / "app" / folder).rglob("*.py")]
    imported = {(path.name, name) for path in paths for name in modules_of_the_engine(path)}
    assert {name for _, name in imported} >= ENGINE_INTERFACE
    assert {pair for pair in imported if pair[1] not in ENGINE_INTERFACE} == set()


def modules_of_the_engine(path: Path) -> Iterator[str]:
    """The modules of app/engine that a file imports anything of."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "app.engine":
            names = [alias.name for alias in node.names]
            yield from (name for name in names if (ROOT / "app/engine" / f"{name}.py").is_file())
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("app.engine."):
            yield (node.module or "").split(".")[2]
