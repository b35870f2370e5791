"""Parses an ES module: its imports, exports, dynamic imports, and the remaining body.

Supports the syntax of this project and of the builds in static/vendor only: imports at the top,
exports at the start of a line or at the end of the file. Anything else raises BundleError at
start, instead of a page with broken scripts.
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
#: An import whose file name is computed at run time: it is not bundled. Bundles and sources are
#: in sibling folders, so the relative URL stays valid.
_DYNAMIC_VENDOR_IMPORT = re.compile(r"\bimport\(`\.\./vendor/[\w./${}-]+`\)")
_DECLARATION = re.compile(
    rf"^export\s+(?=(?:(?:async\s+)?function\b\s*\*?|class\b|const\b)\s*({_NAME}))", re.MULTILINE
)
_LIST = re.compile(rf"(?:^|(?<=[;}}\s]))export\s*({_NAMES})\s*;?\s*\Z")
_DEFAULT = re.compile(r"(?:^|(?<=[;}\s]))export\s+default\s+([\w$.]+)\s*;?\s*\Z")
_NAME_AS_NAME = re.compile(rf"({_NAME})(?:\s+as\s+({_NAME}))?")
#: Import and export syntax that the patterns above do not cover.
_UNSUPPORTED = re.compile(
    r"""^export\b.*|^import\b[^\n(]*["'][^"'\n]+["'].*|\bimport\s*\([^)]*\)?|\bimport\.meta\b""",
    re.MULTILINE,
)


class BundleError(Exception):
    """A file cannot be bundled; the message names it."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement: the module's path, and (exported name, local name) pairs. "*" is
    the namespace."""

    path: str
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Module:
    """One file. `exports` are (exported name, local expression) pairs."""

    path: str
    imports: tuple[Import, ...]
    exports: tuple[tuple[str, str], ...]
    dynamic_imports: tuple[str, ...]  #: paths in import("...")
    body: str

    def replace_dynamic_imports(self, load: Callable[[str], str]) -> str:
        """The body with each dynamic import replaced by the expression `load(path)`."""
        return _DYNAMIC_IMPORT.sub(lambda match: load(_resolve(self.path, match[1])), self.body)


def read_module(path: str, text: str) -> Module:
    """Parse a module. path: relative to the static folder, as are the paths in the result.

    Raises:
        BundleError: unsupported syntax.
    """
    imports, start = _read_imports(path, text)
    body = text[start:]
    exports = [(name, name) for name in _DECLARATION.findall(body)]
    body = _DECLARATION.sub("", body)
    if match := _LIST.search(body):
        exports += [(outer, inner) for inner, outer in _parse_names(path, match[1])]
        body = body[: match.start()]
    elif match := _DEFAULT.search(body):
        exports.append(("default", match[1]))
        body = body[: match.start()]
    dynamic_imports = tuple(_resolve(path, each) for each in _DYNAMIC_IMPORT.findall(body))
    if unsupported := _UNSUPPORTED.search(
        _DYNAMIC_IMPORT.sub("", _DYNAMIC_VENDOR_IMPORT.sub("", body))
    ):
        raise BundleError(f"{path}: cannot be bundled because of: {unsupported[0][:80]}")
    return Module(path, imports, tuple(exports), dynamic_imports, body)


def _read_imports(path: str, text: str) -> tuple[tuple[Import, ...], int]:
    """The import statements at the top, and the position after them."""
    imports, start = [], 0
    while match := _IMPORT.match(text, _skip_whitespace(text, start)):
        names = _parse_names(path, match["names"] or "{}")
        if match["default"]:
            names.insert(0, ("default", match["default"]))
        if match["all"]:
            names.append(("*", match["all"]))
        imports.append(Import(_resolve(path, match["path"]), tuple(names)))
        start = match.end()
    return tuple(imports), start


def _skip_whitespace(text: str, start: int) -> int:
    match = _WHITESPACE.match(text, start)
    return match.end() if match else start


def _parse_names(path: str, names: str) -> list[tuple[str, str]]:
    """`{ a, b as c }` as pairs: the names before and after "as"."""
    parts = [part.strip() for part in names.strip("{}").split(",")]
    pairs = [(part, _NAME_AS_NAME.fullmatch(part)) for part in parts if part]
    if invalid := [part for part, pair in pairs if pair is None]:
        raise BundleError(f"{path}: cannot be bundled because of: {invalid[0][:80]}")
    return [(pair[1], pair[2] or pair[1]) for _, pair in pairs if pair]


def _resolve(path: str, relative: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), relative))
