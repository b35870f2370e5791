"""Finds what a text names and this repository does not have: paths, tests, flags, metrics …"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.architecture.references.markdown import code, links, slugs
from tests.architecture.references.python_names import ROOT, defines, resolves

#: Suffixes of files that only this repository would hold under a bare name.
_OURS = r"py|js|css|md|jinja|toml|tsv|conf|service|yml"
#: Of files whose names look like a name and its attribute.
SUFFIXES = (*_OURS.split("|"), "json", "model")
_PATH = re.compile(r"(?<![\w/.:~$@-])[\w.*-]+(?:/[\w.*-]+)+/?")
_FILE = re.compile(rf"(?<![\w/.:~$@*-])[\w*-]+(?:[/.][\w*-]+)*\.(?:{_OURS})(?![\w/]|\.\w)")
_TEST = re.compile(r"([\w/]+\.py)::(\w+)")
_DOTTED = re.compile(
    r"(?<![\w./-])(?:app|tests|config|tools|benchmarks|training|clients)(?:\.[A-Za-z_]\w*)+"
)
_FLAG = re.compile(r"(?<![\w-])--([a-z][a-z0-9_-]*[a-z0-9])")
_VARIABLE = re.compile(r"\bWESTLAKE_(\w+)")
_METRIC = re.compile(r"\bwestlake_\w+")
_TARGET = re.compile(r"(?:^\s*|`)make ([a-z][\w-]*)", re.M)
_URL = re.compile(r"\b[a-z]+://[^\s)>`]+")
#: Commands with flags of their own, up to where they end.
_OTHER_PROGRAMS = re.compile(
    r"\b(?:adduser|apt-get|certbot|curl|docker|esbuild|git|gunicorn|hf|llama-server|lm_eval"
    r"|modelscope|pytest|ray start|systemctl|vllm)\b[^`;|&\n]*"
)
#: What a reader puts something in place of, such as tests/FOLDER.
_PLACEHOLDER = re.compile(r"/[A-Z_]+$")


@dataclass(frozen=True)
class Known:
    """What exists."""

    flags: frozenset[str]  #: without dashes at their beginning, with underscores
    variables: frozenset[str]  #: without the prefix
    metrics: frozenset[str]
    targets: frozenset[str]
    files: tuple[Path, ...]  #: all files of the repository, relative to its root
    file_names: frozenset[str] = field(init=False)
    folders: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "file_names", frozenset(path.name for path in self.files))
        top = {path.parts[0] for path in self.files if len(path.parts) > 1}
        object.__setattr__(self, "folders", frozenset(top))


def in_markdown(text: str, document: Path, known: Known) -> Iterator[str]:
    """One line for each thing that `document`, a path relative to the root, names wrongly."""
    text = _URL.sub(" ", text)
    yield from _links(text, document)
    spans = code(text)
    yield from _paths(text, document, known)
    yield from _files("\n".join(spans), document, known)
    yield from in_text(text, known)
    for span in spans:
        yield from (f"no such name: {name}" for name in _dotted(span) if not resolves(name))
        for target in _TARGET.findall(span):
            if target not in known.targets:
                yield f"no such target: make {target}"
    yield from (
        f"not a metric of /metrics: {name}"
        for name in _METRIC.findall(text)
        if name not in known.metrics
    )


def in_text(text: str, known: Known) -> Iterator[str]:
    """Flags, variables and tests, which look alike in any kind of file."""
    for flag in _FLAG.findall(_OTHER_PROGRAMS.sub("", text)):
        if flag.replace("-", "_") not in known.flags:
            yield f"no such flag: --{flag}"
    for name in _VARIABLE.findall(text):
        if name not in known.variables:
            yield f"no such variable: WESTLAKE_{name}"
    for path, name in _TEST.findall(text):
        if (ROOT / path).is_file() and not defines(ROOT / path, [name]):
            yield f"no such test: {path}::{name}"


def in_comments(text: str, document: Path, known: Known) -> Iterator[str]:
    """Paths and dotted names, in docstrings and comments."""
    yield from _paths(_URL.sub(" ", text), document, known)
    yield from (f"no such name: {name}" for name in _dotted(text) if not resolves(name))


def _dotted(text: str) -> Iterator[str]:
    for name in _DOTTED.findall(text):
        if name.rpartition(".")[2] not in SUFFIXES:
            yield name


def _paths(text: str, document: Path, known: Known) -> Iterator[str]:
    """Paths that begin with a folder of ours."""
    for path in _PATH.findall(text):
        path = path.rstrip(".")
        ours = path.split("/")[0] in known.folders and not _PLACEHOLDER.search(path)
        if ours and not _exists(path, document):
            yield f"no such path: {path}"


def _files(text: str, document: Path, known: Known) -> Iterator[str]:
    """Paths, in code, that end as our files do, and names of files and folders alone."""
    for path in _FILE.findall(text):
        if not (_exists(path, document) if "/" in path else path in known.file_names):
            yield f"no such file: {path}"
    for folder in re.findall(r"^[a-z_]+/$", text, re.M):
        if not _exists(folder, document):
            yield f"no such folder: {folder}"


def _exists(path: str, document: Path) -> bool:
    bases = (ROOT, (ROOT / document).parent, ROOT / "app")
    if "*" in path:
        return any(any(base.glob(path)) for base in bases)
    return any((base / path).exists() for base in bases)


def _links(text: str, document: Path) -> Iterator[str]:
    for target in links(text):
        path, _, anchor = target.partition("#")
        there = (ROOT / document).parent / path if path else ROOT / document
        if not there.exists():
            yield f"link to nowhere: {target}"
        elif anchor and anchor not in slugs(there.read_text(encoding="utf-8")):
            yield f"no such heading: {target}"
