"""Documents made from the code are up to date, and every folder has one line in ARCHITECTURE.md."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tools.docs import documents
from tools.folders import Folder, folders

ROOT = Path(__file__).parents[2]
DOCUMENTS = documents()
FOLDERS = {folder.path: folder for folder in folders()}
ARCHITECTURE = DOCUMENTS["ARCHITECTURE.md"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_is_the_generated_one(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == DOCUMENTS[name], "run: make docs"


def test_every_folder_of_app_has_one_line() -> None:
    """Also those that lack an __init__.py, which the generator would not see."""
    with_code = {path.parent.relative_to(ROOT) for path in (ROOT / "app").rglob("*.py")}
    with_code = {path for path in with_code if path.parent != Path("app/api")} - {Path("app")}
    lines = re.findall(r"^\| `(app/[\w/]+/)` \|", ARCHITECTURE, re.M)
    assert sorted(lines) == sorted(f"{folder}/" for folder in with_code)
    for page in ("README.md", "README.zh-CN.md"):
        top = re.findall(r"^  (\w+/) ", DOCUMENTS[page].split("\napp/\n")[1], re.M)
        assert sorted(top) == sorted(
            f"{folder.name}/" for folder in with_code if folder.parent.name == "app"
        )


def test_every_folder_beside_app_has_one_line() -> None:
    section = ARCHITECTURE.split("| beside `app/` |")[1].split("\n\n")[0]
    named = re.findall(r"`(\w+)/`", "\n".join(re.findall(r"^\| (.+?) \|", section, re.M)))
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    here = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."}
    assert sorted(named) == sorted(here - ignored - {"app"})


def test_no_folder_is_deeper_than_three_below_app() -> None:
    assert max(folder.depth for folder in FOLDERS.values()) <= 3


@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)
def test_a_line_says_what_the_folder_holds(folder: Folder) -> None:
    assert 10 < len(folder.summary) <= 100
    assert "|" not in folder.summary


def test_every_folder_is_in_the_contracts() -> None:
    """A new folder directly below app/ must get its place among the layers of pyproject.toml."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c["layers"] for c in settings["contracts"] if c["type"] == "layers")
    named = {name.strip().removeprefix("app.") for layer in layers for name in layer.split("|")}
    top = {folder.path.split("/")[1] for folder in FOLDERS.values()}
    assert top - named == set()
