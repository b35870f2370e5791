"""The pages' scripts and style sheets: bundled, compressed, at addresses with a hash.

Three kinds of address:

    /static/HASH/joined/page.js   what pages load: for ever the same
    /static/OTHER/joined/page.js  a page from before an upgrade asks: what is current, not kept
    /static/js/page.js            one source file as it is on the disk now, for development
"""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask, Response, abort, request, send_from_directory, url_for

from app.assets.pages import PAGES, THEME_SCRIPT
from app.assets.responses import compress_pages, send
from app.assets.static_files import BUNDLE_FOLDER, static_files

_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_FIRST = "no-cache"
_VERSIONED = re.compile(r"([0-9a-f]{16})/(.+)")


def serve_assets(app: Flask, folder: Path) -> None:
    """Hook the files of `folder` into `app` and its templates.

    Raises:
        StartupError: the files cannot be joined.
    """
    static = static_files(folder)

    def view(filename: str) -> Response:
        versioned = _VERSIONED.fullmatch(filename)
        if versioned is None:
            return send_from_directory(folder, filename)
        file = static.files.get(versioned[2])
        if file is None:
            abort(404)
        return send(file, _FOR_EVER if versioned[1] == static.version else _ASK_FIRST)

    def address(path: str) -> str:
        """A file's. `?files=single` gets a page with its sources as they are, each by itself."""
        prefix = "" if _single() else f"{static.version}/"
        return url_for("static", filename=prefix + path)

    def stylesheets_of(page: str) -> list[str]:
        paths = PAGES[page].styles if _single() else (f"{BUNDLE_FOLDER}/{page}.css",)
        return [address(path) for path in paths]

    def script_module_of(page: str) -> str | None:
        module = PAGES[page].module
        if module is None:
            return None
        return address(module if _single() else f"{BUNDLE_FOLDER}/{Path(module).name}")

    app.add_url_rule("/static/<path:filename>", "static", view)
    app.jinja_env.globals.update(
        static_url=address,
        stylesheets_of=stylesheets_of,
        script_module_of=script_module_of,
        theme_script=THEME_SCRIPT,
    )
    compress_pages(app)


def _single() -> bool:
    return request.args.get("files") == "single"
