"""Finds the classes, functions and attributes that ARCHITECTURE.md names and app/ does not have."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator

from tests.architecture.references.finder import SUFFIXES, Known
from tests.architecture.references.markdown import code
from tests.architecture.references.python_names import ROOT, all_names, classes, defines


def in_architecture(text: str, known: Known) -> Iterator[str]:
    """What only a document about the code names: classes, and members of modules and classes."""
    modules = [ROOT / path for path in known.files if path.suffix == ".py" and "app" in path.parts]
    defined = set(dir(builtins)).union(*map(classes, modules))
    for span in code(text):
        is_block = "\n" in span
        for word in re.findall(r"[\w.]*\w", span) if is_block else [span]:
            if re.fullmatch(r"(?:[A-Z][a-z]+){2,}" if is_block else r"(?:[A-Z][a-z]+)+", word):
                if word not in defined:
                    yield f"no such class: {word}"
            elif member := re.fullmatch(r"(\w+)\.(\w+)", word):
                if member[2] not in SUFFIXES and not _is_member(*member.groups(), known):
                    yield f"no such name: {word}"


def _is_member(owner: str, name: str, known: Known) -> bool:
    """Whether a module or class `owner` has `name`."""
    for path in known.files:
        if "tests" in path.parts or "vendor" in path.parts:
            continue
        if path.suffix == ".py":
            if path.stem == owner and name in all_names(ROOT / path):
                return True
            if owner[0].isupper() and owner in classes(ROOT / path):
                return defines(ROOT / path, [owner, name])
        elif path.suffix == ".js" and path.stem == owner:
            return bool(re.search(rf"\b{name}\b", (ROOT / path).read_text(encoding="utf-8")))
    return False
