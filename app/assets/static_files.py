"""The static files, read, bundled and compressed once.

One hash over all files is part of every URL, so a URL never changes its content, and files can
refer to each other by relative paths.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePosixPath

from app.assets.bundle import bundle_modules
from app.assets.es_module import BundleError
from app.assets.pages import PAGES
from app.checkpoint.errors import StartupError

BUNDLE_FOLDER = "joined"  #: URL folder of the bundles, which do not exist on disk

#: Not from `mimetypes`, which depends on the operating system's configuration.
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
_ALREADY_COMPRESSED = ("image/png", "font/woff2")
#: Relative URLs would break in a bundle, and these rules are only valid at a file's start.
_NOT_BUNDLEABLE = re.compile(r"@import\b|@charset\b|@namespace\b|url\(\s*[\"']?(?!#|data:)[^)]*\)")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file, plain and compressed."""

    mimetype: str
    plain: bytes
    gzipped: bytes | None  #: None: compression saves less than 10 %
    digest: str


@dataclass(frozen=True, slots=True)
class StaticFiles:
    """All files of one folder. `version`: the hash in their URLs."""

    version: str
    files: Mapping[str, StaticFile]


@cache
def static_files(folder: Path) -> StaticFiles:
    """The folder's files and bundles.

    Raises:
        StartupError: they cannot be read or bundled.
    """
    try:
        contents = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        contents |= _bundles(contents)
    except (OSError, BundleError) as error:
        raise StartupError(f"the page's files in {folder}: {error}") from None
    files = {path: _file(path, content) for path, content in sorted(contents.items())}
    manifest = "\n".join(f"{path} {file.digest}" for path, file in files.items())
    return StaticFiles(sha256(manifest.encode()).hexdigest()[:16], files)


def gzip_bytes(plain: bytes, level: int = 9) -> bytes:
    """Compress reproducibly (no timestamp)."""
    return gzip.compress(plain, level, mtime=0)


def content_digest(content: bytes) -> str:
    """Hash for the ETag."""
    return sha256(content).hexdigest()[:32]


def _bundles(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    def read(path: str) -> str:
        try:
            return contents[path].decode()
        except KeyError:
            raise BundleError(f"{path}: is imported but missing") from None
        except UnicodeDecodeError:
            raise BundleError(f"{path}: is not UTF-8") from None

    bundles: dict[str, str] = {}
    for name, page in PAGES.items():
        bundles[f"{BUNDLE_FOLDER}/{name}.css"] = _bundle_stylesheets(
            {path: read(path) for path in page.styles}
        )
        if page.module:
            modules = bundle_modules(page.module, read)
            bundles |= {f"{BUNDLE_FOLDER}/{file}": text for file, text in modules.items()}
    return {path: text.encode() for path, text in bundles.items()}


def _bundle_stylesheets(sheets: Mapping[str, str]) -> str:
    for path, text in sheets.items():
        if match := _NOT_BUNDLEABLE.search(text):
            raise BundleError(f"{path}: cannot be bundled because of: {match[0][:80]}")
    return "\n".join(f"/* {path} */\n{text}" for path, text in sheets.items())


def _file(path: str, content: bytes) -> StaticFile:
    mimetype = _TYPES.get(PurePosixPath(path).suffix, "text/plain")
    gzipped = None if mimetype in _ALREADY_COMPRESSED else gzip_bytes(content)
    if gzipped is not None and len(gzipped) > 0.9 * len(content):
        gzipped = None
    return StaticFile(mimetype, content, gzipped, content_digest(content))
