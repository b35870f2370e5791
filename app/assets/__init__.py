"""The pages' scripts and style sheets: bundled, compressed, at URLs with a content hash.

Three kinds of URL:

    /static/HASH/joined/page.js   what pages load: never changes, cached forever
    /static/OTHER/joined/page.js  a page loaded before an upgrade: the current file, not cached
    /static/js/page.js            a single source file from the disk, for development
"""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask, Response, abort, request, send_from_directory, url_for

from app.assets.pages import PAGES, THEME_SCRIPT
from app.assets.responses import compress_pages, send
from app.assets.static_files import BUNDLE_FOLDER, static_files

_IMMUTABLE = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"
_VERSIONED = re.compile(r"([0-9a-f]{16})/(.+)")


def serve_assets(app: Flask, folder: Path) -> None:
    """Serve the files of `folder` and register the templates' functions for their URLs.

    Raises:
        StartupError: the files cannot be bundled.
    """
    static = static_files(folder)

    def view(filename: str) -> Response:
        versioned = _VERSIONED.fullmatch(filename)
        if versioned is None:
            return send_from_directory(folder, filename)
        file = static.files.get(versioned[2])
        if file is None:
            abort(404)
        return send(file, _IMMUTABLE if versioned[1] == static.version else _REVALIDATE)

    def file_url(path: str) -> str:
        """A file's URL. With ?files=single a page loads its source files unbundled."""
        prefix = "" if _wants_single_files() else f"{static.version}/"
        return url_for("static", filename=prefix + path)

    def stylesheets_of(page: str) -> list[str]:
        paths = PAGES[page].styles if _wants_single_files() else (f"{BUNDLE_FOLDER}/{page}.css",)
        return [file_url(path) for path in paths]

    def script_module_of(page: str) -> str | None:
        module = PAGES[page].module
        if module is None:
            return None
        return file_url(module if _wants_single_files() else f"{BUNDLE_FOLDER}/{Path(module).name}")

    app.add_url_rule("/static/<path:filename>", "static", view)
    app.jinja_env.globals.update(
        static_url=file_url,
        stylesheets_of=stylesheets_of,
        script_module_of=script_module_of,
        theme_script=THEME_SCRIPT,
    )
    compress_pages(app)


def _wants_single_files() -> bool:
    return request.args.get("files") == "single"
