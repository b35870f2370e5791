"""Reads one ES module: what it imports, exports and loads later, and what is left without that.

Knows nothing about JavaScript beyond how this project and the builds in static/vendor write it:
imports stand at the top, and an export begins a line or ends the file. Whatever else it meets is
a BundleError: better no server than a page whose scripts were put together wrongly.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

_WHITESPACE = re.compile(r"(?:\s|//[^\n]*\n|/\*.*?\*/)*", re.DOTALL)
_NAMES = r"\{[^{}]*\}"
_NAME = r"[A-Za-z_$][\w$]*"
_IMPORT = re.compile(
    rf"""import\b\s*(?:(?P<default>{_NAME})\s*,?\s*)?(?:(?P<names>{_NAMES})|\*\s*as\s+(?P<all>{_NAME}))?
    \s*(?:from\b)?\s*["'](?P<path>\.{{1,2}}/[^"'\n]+)["']\s*;""",
    re.VERBOSE,
)
_DYNAMIC_IMPORT = re.compile(r"""\bimport\(\s*["'](\.{1,2}/[^"'\n]+)["']\s*\)""")
#: One of several files by a name found at run time: each comes as it is, from where it is. The
#: joined files' folder lies beside that of the sources, so the way there is the same.
_DYNAMIC_VENDOR_IMPORT = re.compile(r"\bimport\(`\.\./vendor/[\w./${}-]+`\)")
_DECLARATION = re.compile(
    rf"^export\s+(?=(?:(?:async\s+)?function\b\s*\*?|class\b|const\b)\s*({_NAME}))", re.MULTILINE
)
_LIST = re.compile(rf"(?:^|(?<=[;}}\s]))export\s*({_NAMES})\s*;?\s*\Z")
_DEFAULT = re.compile(r"(?:^|(?<=[;}\s]))export\s+default\s+([\w$.]+)\s*;?\s*\Z")
_NAME_AS_NAME = re.compile(rf"({_NAME})(?:\s+as\s+({_NAME}))?")
#: What would be left in the body of a module that is written otherwise.
_UNSUPPORTED = re.compile(
    r"""^export\b.*|^import\b[^\n(]*["'][^"'\n]+["'].*|\bimport\s*\([^)]*\)?|\bimport\.meta\b""",
    re.MULTILINE,
)


class BundleError(Exception):
    """A file cannot be joined with others; the message names it."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement: from which module, and its names there and here. "*" is all."""

    path: str
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Module:
    """One file. Exports are names outside and what stands for them inside."""

    path: str
    imports: tuple[Import, ...]
    exports: tuple[tuple[str, str], ...]
    dynamic_imports: tuple[str, ...]  #: the modules that it loads when it needs them
    body: str

    def replace_dynamic_imports(self, load: Callable[[str], str]) -> str:
        """The body, in which `load(path)` stands for the import of each module of `later`."""
        return _DYNAMIC_IMPORT.sub(lambda found: load(_resolve(self.path, found[1])), self.body)


def read_module(path: str, text: str) -> Module:
    """The module of this text; its path and those in it are below the static folder.

    Raises:
        BundleError: it is not written as this project writes modules.
    """
    imports, start = _read_imports(path, text)
    body = text[start:]
    exports = [(name, name) for name in _DECLARATION.findall(body)]
    body = _DECLARATION.sub("", body)
    if found := _LIST.search(body):
        exports += [(outer, inner) for inner, outer in _parse_names(path, found[1])]
        body = body[: found.start()]
    elif found := _DEFAULT.search(body):
        exports.append(("default", found[1]))
        body = body[: found.start()]
    later = tuple(_resolve(path, each) for each in _DYNAMIC_IMPORT.findall(body))
    if unsupported := _UNSUPPORTED.search(
        _DYNAMIC_IMPORT.sub("", _DYNAMIC_VENDOR_IMPORT.sub("", body))
    ):
        raise BundleError(f"{path}: cannot be bundled because of: {unsupported[0][:80]}")
    return Module(path, imports, tuple(exports), later, body)


def _read_imports(path: str, text: str) -> tuple[tuple[Import, ...], int]:
    """The statements at the top, and where the text goes on after them."""
    imports, start = [], 0
    while found := _IMPORT.match(text, _skip_whitespace(text, start)):
        names = _parse_names(path, found["names"] or "{}")
        if found["default"]:
            names.insert(0, ("default", found["default"]))
        if found["all"]:
            names.append(("*", found["all"]))
        imports.append(Import(_resolve(path, found["path"]), tuple(names)))
        start = found.end()
    return tuple(imports), start


def _skip_whitespace(text: str, start: int) -> int:
    found = _WHITESPACE.match(text, start)
    return found.end() if found else start


def _parse_names(path: str, names: str) -> list[tuple[str, str]]:
    """`{ a, b as c }`: what stands before and after each "as"."""
    parts = [part.strip() for part in names.strip("{}").split(",")]
    found = [(part, _NAME_AS_NAME.fullmatch(part)) for part in parts if part]
    if wrong := [part for part, pair in found if pair is None]:
        raise BundleError(f"{path}: cannot be bundled because of: {wrong[0][:80]}")
    return [(pair[1], pair[2] or pair[1]) for _, pair in found if pair]


def _resolve(path: str, relative: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), relative))
